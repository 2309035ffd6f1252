import type { DatabaseSync } from 'node:sqlite';
import type { Notice } from '@planetlab/contract';
import { fromInstant, LeaseId, type SliceName, toInstant } from '@planetlab/model';

/** A notice as it is kept: about the sliver of one lease. */
export interface NoticeRecord extends Notice {
  readonly slice: SliceName;
  readonly lease: LeaseId;
  /** What the kernel had counted when its people were told, so that a later manager does not tell them again; else null. */
  readonly counted: number | null;
}

/** What people of slivers should know, for as long as there is the sliver. */
export interface NoticeStore {
  /** Oldest first. */
  notices(): readonly NoticeRecord[];
  /** Keeps it, and of the sliver's others the latest. Durable when it returns. */
  addNotice(record: NoticeRecord): void;
}

/** Of one sliver; older ones go. */
export const NOTICES_KEPT = 10;

export function createNoticeTable(database: DatabaseSync): NoticeStore {
  const insert = database.prepare(
    'INSERT INTO notices (slice, lease_id, at_ms, code, message, counted) VALUES (?, ?, ?, ?, ?, ?)',
  );
  const prune = database.prepare(
    `DELETE FROM notices WHERE lease_id = ?1 AND id NOT IN
       (SELECT id FROM notices WHERE lease_id = ?1 ORDER BY id DESC LIMIT ${NOTICES_KEPT})`,
  );
  const all = database.prepare('SELECT * FROM notices ORDER BY id');
  return {
    notices: () =>
      all.all().map((row) => ({
        slice: row['slice'] as SliceName, // written from a SliceName
        lease: LeaseId.parse(row['lease_id']),
        at: toInstant(Number(row['at_ms'])),
        code: String(row['code']),
        message: String(row['message']),
        counted: typeof row['counted'] === 'number' ? row['counted'] : null,
      })),
    addNotice({ slice, lease, at, code, message, counted }) {
      insert.run(slice, lease, fromInstant(at), code, message, counted);
      prune.run(lease);
    },
  };
}
