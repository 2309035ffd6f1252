import { NodeSite } from '@planetlab/contract';
import { messageOf } from '@planetlab/model';
import { isNoRoom, readOptional, writeFileAtomic } from '../files.ts';
import type { Logger } from '../logger.ts';

/** Which site the node belongs to, as its authority has told it. It tells it again to a node that does not know it. */
export interface SiteFile {
  /** Null until it was told. */
  current(): NodeSite | null;
  set(site: NodeSite): void;
}

/** What cannot be read, or not be written for want of room, is told again: nothing depends on it but what slivers are told. */
export function openSiteFile(path: string, logger: Pick<Logger, 'warn'>): SiteFile {
  let site = readSite(path, logger);
  return {
    current: () => site,
    set(told) {
      site = told;
      try {
        writeFileAtomic(path, `${JSON.stringify(told, null, 2)}\n`);
      } catch (error) {
        if (!isNoRoom(error)) throw error;
        logger.warn({ path, reason: messageOf(error) }, 'the site is not kept: the disk is full');
      }
    },
  };
}

function readSite(path: string, logger: Pick<Logger, 'warn'>): NodeSite | null {
  const text = readOptional(path);
  if (text === undefined) return null;
  try {
    return NodeSite.parse(JSON.parse(text));
  } catch (error) {
    logger.warn({ path, reason: messageOf(error) }, 'the file with the site cannot be read');
    return null;
  }
}
