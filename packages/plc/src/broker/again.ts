import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, SECOND_MS } from '@planetlab/model';
import type { Logger } from 'pino';
import type { Uplink } from '../uplinks/uplink.ts';

export const RETRY_MS = SECOND_MS;

/** Tries until it succeeds, and says what does not; undefined when the uplink is closed meanwhile. */
export async function again<T>(
  { uplink, log }: { readonly uplink: Uplink; readonly log: Logger },
  complaint: string,
  attempt: () => Promise<T>,
): Promise<T | undefined> {
  while (!uplink.closed.aborted) {
    try {
      return await attempt();
    } catch (error) {
      if (uplink.closed.aborted) break;
      log.warn({ error: messageOf(error), node: uplink.node.nodeName }, complaint);
      await sleep(RETRY_MS, undefined, { signal: uplink.closed }).catch(() => {}); // closed: no more tries
    }
  }
  return undefined;
}
