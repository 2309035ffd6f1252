import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { importKeyPair, readLease } from '@planetlab/credentials';
import { messageOf } from '@planetlab/model';
import { z } from 'zod';
import { readOptional } from './files.ts';
import { NodeFile } from './identity/identity.ts';
import { lockOwner } from './node-lock.ts';
import { type NodePaths, nodePaths } from './paths.ts';
import { readLeaseJournal } from './store/lease-journal.ts';

/** What can be told on the machine itself, whether or not the manager runs. */
export interface LocalStatus {
  readonly name: string | null;
  readonly nodeId: string | null;
  readonly plcAddress: string | null;
  /** Process of the running manager. */
  readonly managerPid: number | null;
  readonly tag: string | null;
  /** While the manager runs, or the database cannot be read, those whose leases hold; else also what is left of others. */
  readonly slivers: readonly {
    readonly slice: string;
    readonly index: number;
    readonly leaseEndsAt: string;
    readonly ended: boolean;
  }[];
  /** Why the database cannot be read; null when it can be, or is not looked at because the manager has it for itself. */
  readonly databaseError: string | null;
}

const Row = z.object({
  slice: z.string(),
  sliver_index: z.number(),
  expires_ms: z.number(),
  ended_ms: z.number().nullable(),
});

/** Process of the manager that runs with this state folder, if one does. */
export const managerPid = (stateDir: string): number | undefined => lockOwner(nodePaths(stateDir).lock);

export function localStatus(stateDir: string): LocalStatus {
  const paths = nodePaths(stateDir);
  const text = readOptional(paths.node);
  const node = text === undefined ? undefined : NodeFile.parse(JSON.parse(text));
  const manager = lockOwner(paths.lock);
  return {
    name: node?.name ?? null,
    nodeId: node?.nodeId ?? null,
    plcAddress: node?.plcAddress ?? null,
    managerPid: manager ?? null,
    tag: readOptional(paths.tag)?.trim() ?? null,
    ...(manager === undefined && existsSync(paths.database)
      ? storedSlivers(paths)
      : { slivers: leasedSlivers(paths), databaseError: null }),
  };
}

type Slivers = Pick<LocalStatus, 'slivers' | 'databaseError'>;

/** A damaged database is no reason to tell nothing, nor to leave nothing: a manager would take the leases from their journal too. */
function storedSlivers(paths: NodePaths): Slivers {
  try {
    return { slivers: readSlivers(paths.database), databaseError: null };
  } catch (error) {
    return { slivers: leasedSlivers(paths), databaseError: messageOf(error) };
  }
}

/** From the journal of leases: the manager has the database for itself. */
function leasedSlivers(paths: NodePaths): LocalStatus['slivers'] {
  const key = readOptional(paths.nodeKey);
  if (key === undefined) return []; // it has not joined
  const { publicKey } = importKeyPair(key);
  return readLeaseJournal(paths.leases, (token) => readLease(token, publicKey), { warn() {} })
    .map(({ lease, index }) => ({
      ...{ slice: lease.slice, index, ended: false },
      leaseEndsAt: new Date(lease.expiresAtMs).toISOString(),
    }))
    .sort((a, b) => a.slice.localeCompare(b.slice));
}

/** A manager that ends has the database for itself for a moment. */
const BUSY_TIMEOUT_MS = 5_000;

function readSlivers(database: string): LocalStatus['slivers'] {
  const reader = new DatabaseSync(database, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
  try {
    return reader
      .prepare(
        'SELECT s.slice, s.sliver_index, l.expires_ms, l.ended_ms FROM slivers s JOIN leases l ON l.id = s.lease_id ORDER BY s.slice',
      )
      .all()
      .map((row) => {
        const { slice, sliver_index, expires_ms, ended_ms } = Row.parse(row);
        return {
          slice,
          index: sliver_index,
          leaseEndsAt: new Date(expires_ms).toISOString(),
          ended: ended_ms !== null,
        };
      });
  } finally {
    reader.close();
  }
}
