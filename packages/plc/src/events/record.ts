import type { Change } from '@planetlab/contract';
import type { Principal, SiteName, SliceName } from '@planetlab/model';
import { sql } from 'kysely';
import { columnList, givenRows } from '../store/given-rows.ts';
import type { Trx } from '../store/schema.ts';
import { mentionsOf } from './mentions.ts';

/** What happened, for the record (N7: every action leads back to a person). */
export interface EventEntry {
  readonly at: Date;
  readonly actor: Principal;
  /** `thing.verb`, for example `slice.created`. */
  readonly kind: string;
  readonly subject: string;
  /** Whose people may read it, besides admins. */
  readonly site?: SiteName;
  readonly slice?: SliceName;
  readonly before?: unknown;
  readonly after?: unknown;
}

/** A change as it is passed on between processes. */
export interface Announcement extends Change {
  /** Set on what a node reported: the broker, which wrote it, need not look again. */
  readonly fromNode?: true;
}

/** Channel of LISTEN/NOTIFY. A payload is one Announcement as JSON. */
export const CHANGES_CHANNEL = 'planetlab_changes';

/** Writes the event of a change in the change's own transaction, and wakes whoever watches once that is committed. */
export async function record(trx: Trx, entry: EventEntry, ...changes: readonly Announcement[]): Promise<void> {
  await recordAll(trx, [entry]);
  await announce(trx, ...changes);
}

/** Several events of one transaction; who writes them announces the changes. */
export async function recordAll(trx: Trx, entries: readonly EventEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const rows = entries.map((entry) => ({ ...entry, mentions: mentionsOf(entry) }));
  await sql`insert into events (${columnList(COLUMNS)}) select * from ${givenRows(COLUMNS, rows)}`.execute(trx);
}

const COLUMNS = {
  ...({ at: 'timestamptz', actor: 'text', kind: 'text', subject: 'text', site: 'text', slice: 'text' } as const),
  ...({ before: 'jsonb', after: 'jsonb', mentions: 'text[]' } as const),
};

/** For what is no action of anybody, such as a sliver's new address: watchers are woken, nothing is recorded. */
export async function announce(trx: Trx, ...changes: readonly Announcement[]): Promise<void> {
  if (changes.length === 0) return;
  const payloads = changes.map((change) => JSON.stringify(change));
  await sql`select pg_notify(${CHANGES_CHANNEL}, payload) from unnest(${payloads}::text[]) as payload`.execute(trx);
}
