import { renameSync, rmSync } from 'node:fs';
import type { SshKey, Tags } from '@planetlab/contract';
import type { Lease } from '@planetlab/credentials';
import { isPlanetLabError, type LeaseId, messageOf, PlanetLabError, type SliceName } from '@planetlab/model';
import { z } from 'zod';
import { type FaultPoint, noFaults } from '../fault-point.ts';
import { isNoRoom, writeFileAtomic } from '../files.ts';
import type { Logger } from '../logger.ts';
import type { NodePaths } from '../paths.ts';
import { type LeaseJournal, openLeaseJournal, readLeaseJournal } from './lease-journal.ts';
import type { NoticeRecord } from './notice-table.ts';
import { type LeaseEntry, type NodeStore, openAs, type SliverRow, SqliteStore } from './store.ts';
import { unsynced } from './transaction.ts';

export interface DurableStoreOptions {
  readonly paths: Pick<NodePaths, 'database' | 'leases'>;
  /** Reads a lease that this node signed. */
  readonly readToken: (token: string) => Lease;
  readonly logger: Logger;
  readonly nowMs: number;
  readonly reached: FaultPoint;
}

/**
 * The database and the journal of leases, as one store. A database that is damaged is put aside, and what it held is
 * taken from the journal. A full disk is an expected failure that says so and changes nothing.
 */
export function openDurableStore(options: DurableStoreOptions): NodeStore {
  const journal = openLeaseJournal(options.paths.leases);
  const store = openOrReplace(options);
  takeUp(store, journal, options);
  store.connect(journal, options);
  return store;
}

function openOrReplace({ paths, readToken, logger }: DurableStoreOptions): DurableStore {
  try {
    return openAs(DurableStore, paths.database, readToken);
  } catch (error) {
    if (!isDamage(error)) throw error;
    const aside = `${paths.database}.damaged`;
    renameSync(paths.database, aside); // the last one only: it is for people to look at
    for (const part of ['-wal', '-shm']) rmSync(`${paths.database}${part}`, { force: true });
    logger.error({ reason: messageOf(error), aside }, 'the database is damaged; leases are taken from their journal');
    return openAs(DurableStore, paths.database, readToken);
  }
}

/** Makes database and journal say the same after a crash, or after a database was lost in whole or in part. */
function takeUp(
  store: NodeStore,
  journal: LeaseJournal,
  { paths, readToken, logger, nowMs }: DurableStoreOptions,
): void {
  const found = readLeaseJournal(paths.leases, readToken, logger);
  const over: SliceName[] = [];
  for (const entry of found) {
    const { slice, id, expiresAtMs } = entry.lease;
    if (store.liveLeaseOf(slice) !== undefined) continue; // the database is the newer one
    if (store.lease(id) === undefined && expiresAtMs > nowMs && freeFor(store, entry)) {
      store.addLeases([entry]);
      logger.warn({ slice, lease: id }, 'a lease that the database did not have was taken up from the journal');
    } else over.push(slice);
  }
  removeIfRoom(journal, over, paths.database);
  const have = new Map<string, string>(found.map(({ lease, token }) => [lease.slice, token]));
  const missing = store
    .slivers()
    .filter(({ slice, stored: { endedAtMs, token } }) => endedAtMs === null && have.get(slice) !== token);
  journal.write(missing.map((row) => entryOf(store, row)));
}

/** Leases whose time is over do no harm in the journal. */
function removeIfRoom(journal: LeaseJournal, slices: readonly SliceName[], database: string): void {
  try {
    journal.remove(slices);
  } catch (error) {
    if (!isFull(error, database)) throw error;
  }
}

const entryOf = (store: NodeStore, row: SliverRow): LeaseEntry => ({
  ...row.stored,
  index: row.index,
  keys: store.access().get(row.slice) ?? [],
  tags: store.tags(row),
});

const freeFor = (store: NodeStore, { lease, index }: LeaseEntry): boolean =>
  store.sliver(lease.slice)?.index === index || !store.indices().has(index);

/** What is on the disk when it returns. After each of them the manager can be made to end; see `FaultPoint`. */
export const DURABLE_WRITES = [
  ...(['journal', 'addLeases', 'replaceLease', 'endLease', 'endExpired', 'forgetSliver'] as const),
  ...(['setAccess', 'setTags', 'addNotice'] as const),
] as const;
type DurableWrite = (typeof DURABLE_WRITES)[number];

/**
 * The journal comes first, when something is promised and when it ends, so that a database that is lost revives nothing
 * that was ended.
 */
class DurableStore extends SqliteStore {
  #journal: LeaseJournal | undefined;
  #reached: FaultPoint = noFaults;
  #database = '';

  connect(journal: LeaseJournal, { reached, paths }: DurableStoreOptions): void {
    this.#journal = journal;
    this.#reached = reached;
    this.#database = paths.database;
  }

  /** What the journal has need not be synced here as well: a database that lost it takes it from there. */
  override addLeases(entries: readonly LeaseEntry[]): void {
    this.#durably('addLeases', () => this.#journalled(entries, () => this.addLeasesBy(unsynced, entries)));
  }

  override replaceLease(lease: Lease, token: string): void {
    const entries = this.#entryOf(lease.slice, { token });
    this.#durably('replaceLease', () => this.#journalled(entries, () => super.replaceLease(lease, token)));
  }

  override endLease(id: LeaseId, nowMs: number): void {
    this.#durably('endLease', () => {
      const slice = this.lease(id)?.lease.slice;
      if (slice !== undefined && this.liveLeaseOf(slice)?.lease.id === id) this.#journal?.remove([slice]);
      super.endLease(id, nowMs);
    });
  }

  override endExpired(nowMs: number): readonly SliceName[] {
    const ended = explainFullDisk(this.#database, () => super.endExpired(nowMs));
    if (ended.length === 0) return ended;
    if (this.#journal !== undefined) removeIfRoom(this.#journal, ended, this.#database);
    this.#written('endExpired');
    return ended;
  }

  override forgetSliver(slice: SliceName): boolean {
    return this.#durably('forgetSliver', () => super.forgetSliver(slice));
  }

  override setAccess(slice: SliceName, keys: readonly SshKey[]): void {
    const entries = this.#entryOf(slice, { keys });
    this.#durably('setAccess', () => this.#journalled(entries, () => super.setAccess(slice, keys)));
  }

  override setTags(sliver: SliverRow, tags: Tags): void {
    const entries = this.#entryOf(sliver.slice, { tags });
    this.#durably('setTags', () => this.#journalled(entries, () => super.setTags(sliver, tags)));
  }

  override addNotice(record: NoticeRecord): void {
    this.#durably('addNotice', () => super.addNotice(record));
  }

  override close(): void {
    super.close();
    this.#journal?.close();
  }

  /** What the journal is to say of a lease that holds; nothing of one that does not. */
  #entryOf(slice: SliceName, change: Partial<Pick<LeaseEntry, 'token' | 'keys' | 'tags'>>): readonly LeaseEntry[] {
    const row = this.sliver(slice);
    if (row === undefined || row.stored.endedAtMs !== null) return [];
    return [{ ...entryOf(this, row), ...change }];
  }

  /** What the database does not take is taken out of the journal again. */
  #journalled(entries: readonly LeaseEntry[], change: () => void): void {
    const takeBack = this.#journal?.write(entries);
    this.#written('journal');
    try {
      change();
    } catch (error) {
      takeBack?.();
      throw error;
    }
  }

  #durably<T>(name: DurableWrite, change: () => T): T {
    const result = explainFullDisk(this.#database, change);
    this.#written(name);
    return result;
  }

  #written(name: DurableWrite): void {
    this.#reached(`write:${name}`);
  }
}

const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_NOTADB = 26;

/** The primary result code in an error of SQLite. */
const resultCode = (error: unknown): number | undefined =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 255 : undefined;

/** A lease in it that this node has not signed is damage too, as is text, or a time, that cannot be read. */
const isDamage = (error: unknown): boolean =>
  [SQLITE_CORRUPT, SQLITE_NOTADB].includes(resultCode(error) ?? 0) ||
  isPlanetLabError(error, 'credential_invalid') ||
  [SyntaxError, RangeError, z.ZodError].some((kind) => error instanceof kind);

/** What is over a quota SQLite only calls a failure of the disk; whether it is one shows when something is written. */
const isFull = (error: unknown, database: string): boolean =>
  resultCode(error) === SQLITE_FULL ||
  isNoRoom(error) ||
  (resultCode(error) === SQLITE_IOERR && hasNoRoom(`${database}.trial`));

const TRIAL = '.'.repeat(64 * 1024);

function hasNoRoom(path: string): boolean {
  try {
    writeFileAtomic(path, TRIAL);
    rmSync(path);
    return false;
  } catch (error) {
    return isNoRoom(error);
  }
}

function explainFullDisk<T>(database: string, change: () => T): T {
  try {
    return change();
  } catch (cause) {
    if (!isFull(cause, database)) throw cause;
    throw new PlanetLabError(
      'insufficient_resources',
      'The disk that holds the state of this node is full, so nothing can be promised that would outlast a crash. Its owner has to make room; until then choose another node.',
      { details: { resource: 'stateDisk', left: 0, wanted: 1 }, cause },
    );
  }
}
