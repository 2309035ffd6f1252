import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SshKeys } from '@planetlab/contract';
import type { Lease } from '@planetlab/credentials';
import { messageOf, SliceName } from '@planetlab/model';
import { z } from 'zod';
import { readOptional, syncFolder, writeFileAtomic } from '../files.ts';
import type { Logger } from '../logger.ts';
import type { LeaseEntry } from './store.ts';

const LeaseFile = z.strictObject({
  token: z.string(),
  imageDigest: z.string().regex(/^[0-9a-f]{64}$/),
  index: z.number().int().nonnegative(),
  keys: SshKeys,
});

/**
 * Beside the database one small file for each lease that holds: the lease as signed, and what the node needs besides to
 * take up its sliver again. With a lost or damaged database running slivers are known again from these alone.
 */
export interface LeaseFiles {
  write(entry: LeaseEntry): void;
  remove(slice: SliceName): void;
  /** Those that this node signed and that can be read; what cannot is named in the log and left out. */
  read(): readonly LeaseEntry[];
}

export function openLeaseFiles(
  folder: string,
  readToken: (token: string) => Lease,
  logger: Pick<Logger, 'warn'>,
): LeaseFiles {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const pathOf = (slice: string) => join(folder, `${slice}.json`);
  const readOne = (slice: SliceName): LeaseEntry | undefined => {
    try {
      const { token, ...rest } = LeaseFile.parse(JSON.parse(readOptional(pathOf(slice)) ?? ''));
      const lease = readToken(token);
      if (lease.slice !== slice) throw new Error(`it is a lease of ${lease.slice}`);
      return { lease, token, ...rest };
    } catch (error) {
      logger.warn({ slice, reason: messageOf(error) }, 'the file of a lease is damaged');
      return undefined;
    }
  };
  return {
    write({ lease, token, imageDigest, index, keys }) {
      writeFileAtomic(pathOf(lease.slice), JSON.stringify({ token, imageDigest, index, keys }));
    },
    remove(slice) {
      rmSync(pathOf(slice), { force: true });
      syncFolder(folder);
    },
    read: () =>
      readdirSync(folder).flatMap((file) => {
        const slice = SliceName.safeParse(file.endsWith('.json') ? file.slice(0, -5) : '').data;
        return (slice === undefined ? undefined : readOne(slice)) ?? [];
      }),
  };
}
