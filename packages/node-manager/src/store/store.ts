import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { type SshKey, SshKeys, type StepRecord } from '@planetlab/contract';
import type { Lease } from '@planetlab/credentials';
import { LeaseId, type SliceName, toInstant } from '@planetlab/model';
import type { VolumeRecord, VolumeStore } from '../network/volume-meter.ts';
import { createNoticeTable, type NoticeRecord, type NoticeStore } from './notice-table.ts';
import { migrate } from './schema.ts';
import { createStepLog, type StepEntry } from './step-log.ts';
import { createVolumeTable } from './volume-table.ts';

/** A lease as stored: its signed token, what the token says, and what the node adds. */
export interface StoredLease {
  readonly lease: Lease;
  readonly token: string;
  readonly imageDigest: string;
  readonly endedAtMs: number | null;
}

/** Something of a sliver exists, or is about to, or is being removed. */
export interface SliverRow {
  readonly slice: SliceName;
  readonly index: number;
  readonly stored: StoredLease;
}

/** All that is bound together when a lease is made. */
export interface LeaseEntry {
  readonly lease: Lease;
  readonly token: string;
  readonly imageDigest: string;
  readonly index: number;
  readonly keys: readonly SshKey[];
}

/** What the node must remember over crashes. Each method is one transaction, durable when it returns. */
export interface NodeStore extends VolumeStore, NoticeStore {
  /** Binds the lease, the sliver's index and its keys together. */
  addLease(entry: LeaseEntry): void;
  /** The same lease in another form: another end, other resources. */
  replaceLease(id: LeaseId, token: string, expiresAtMs: number): void;
  endLease(id: LeaseId, nowMs: number): void;
  /** Ends every lease whose time is over; the slices concerned. */
  endExpired(nowMs: number): readonly SliceName[];
  lease(id: LeaseId): StoredLease | undefined;
  liveLeases(): readonly StoredLease[];
  liveLeaseOf(slice: SliceName): StoredLease | undefined;
  nextEndMs(): number | undefined;
  /** Indices that slivers have, also those that are being removed. */
  indices(): ReadonlySet<number>;
  slivers(): readonly SliverRow[];
  sliver(slice: string): SliverRow | undefined;
  /** Forgets a sliver of which nothing is left, unless it has been leased again meanwhile. True when it is forgotten. */
  forgetSliver(slice: SliceName): boolean;
  setAccess(slice: SliceName, keys: readonly SshKey[]): void;
  access(): ReadonlyMap<string, readonly SshKey[]>;
  logSteps(steps: readonly StepEntry[]): void;
  listSteps(query: {
    readonly slices: readonly string[] | 'all';
    readonly limit: number;
    readonly before?: number | undefined;
  }): readonly StepRecord[];
  close(): void;
}

const ENDED_KEPT_MS = 30 * 24 * 3600 * 1000;

/**
 * `readToken` reads a lease that this node signed; one that it did not sign is no lease. Throws SQLite's own error, with
 * the result code for a damaged database, when that is what it finds.
 */
export const openStore = (path: string, readToken: (token: string) => Lease): NodeStore =>
  openAs(SqliteStore, path, readToken);

/** The same with another class, which does more at some changes. */
export function openAs<T extends SqliteStore>(
  Store: new (database: DatabaseSync, readToken: (token: string) => Lease) => T,
  path: string,
  readToken: (token: string) => Lease,
): T {
  closeSync(openSync(path, 'a', 0o600)); // what SQLite makes beside it gets the same mode
  const database = new DatabaseSync(path);
  try {
    // for one alone SQLite maps no shared memory, a touch of which ends the process when btrfs has no room for it
    database.exec('PRAGMA busy_timeout = 2000; PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL');
    database.exec('PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
    migrate(database);
    checkWhole(database);
    const store = new Store(database, readToken);
    store.slivers(); // every token is read
    return store;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Damage is found now and not in the middle of something: the whole of it is read once. */
function checkWhole(database: DatabaseSync): void {
  const [row] = database.prepare('PRAGMA quick_check(1)').all();
  const found = String(row?.['quick_check'] ?? 'no answer');
  if (found !== 'ok') throw Object.assign(new Error(found), { errcode: SQLITE_CORRUPT });
}

const SQLITE_CORRUPT = 11;

const READ_LEASES_KEPT = 4096;
/** Not the token: it is long, and read once. */
const LEASE_COLUMNS = 'l.id, l.ended_ms';

export class SqliteStore implements NodeStore {
  readonly #database: DatabaseSync;
  readonly #steps: ReturnType<typeof createStepLog>;
  readonly #volumes: VolumeStore;
  readonly #notices: NoticeStore;
  readonly #readToken: (token: string) => Lease;
  readonly #statements = new Map<string, StatementSync>();
  /**
   * Leases already read: to fetch a token and to verify it takes a hundred times as long as to find the row. Nobody else
   * writes the table.
   */
  readonly #read = new Map<string, StoredLease>();

  constructor(database: DatabaseSync, readToken: (token: string) => Lease) {
    this.#database = database;
    this.#readToken = readToken;
    this.#steps = createStepLog(database);
    this.#volumes = createVolumeTable(database);
    this.#notices = createNoticeTable(database);
  }

  addLease({ lease, token, imageDigest, index, keys }: LeaseEntry): void {
    this.#transaction(() => {
      this.#run(
        'INSERT INTO leases (id, slice, image_digest, granted_ms, expires_ms, token) VALUES (?, ?, ?, ?, ?, ?)',
        ...[lease.id, lease.slice, imageDigest, lease.issuedAtMs, lease.expiresAtMs, token],
      );
      this.#run(
        `INSERT INTO slivers (slice, sliver_index, lease_id, created_ms) VALUES (?, ?, ?, ?)
         ON CONFLICT (slice) DO UPDATE SET lease_id = excluded.lease_id`,
        ...[lease.slice, index, lease.id, lease.issuedAtMs],
      );
      this.#writeAccess(lease.slice, keys);
    });
    this.#keep({ lease, token, imageDigest, endedAtMs: null }); // just signed, or read from its file: known to be ours
  }

  replaceLease(id: LeaseId, token: string, expiresAtMs: number): void {
    this.#run('UPDATE leases SET token = ?, expires_ms = ? WHERE id = ? AND ended_ms IS NULL', token, expiresAtMs, id);
    this.#read.delete(id);
  }

  endLease(id: LeaseId, nowMs: number): void {
    this.#run('UPDATE leases SET ended_ms = ? WHERE id = ? AND ended_ms IS NULL', nowMs, id);
  }

  endExpired(nowMs: number): readonly SliceName[] {
    return this.#transaction(() => {
      const ended = this.#all('SELECT slice FROM leases WHERE ended_ms IS NULL AND expires_ms <= ?', nowMs);
      if (ended.length > 0)
        this.#run('UPDATE leases SET ended_ms = ? WHERE ended_ms IS NULL AND expires_ms <= ?', nowMs, nowMs);
      this.#run(
        'DELETE FROM leases WHERE ended_ms < ? AND id NOT IN (SELECT lease_id FROM slivers)',
        nowMs - ENDED_KEPT_MS,
      );
      return ended.map((row) => row['slice'] as SliceName); // written from a SliceName
    });
  }

  lease(id: LeaseId): StoredLease | undefined {
    return this.#one(`SELECT ${LEASE_COLUMNS} FROM leases l WHERE id = ?`, id);
  }

  liveLeases(): readonly StoredLease[] {
    return this.#all(`SELECT ${LEASE_COLUMNS} FROM leases l WHERE ended_ms IS NULL ORDER BY slice`).map(this.#toLease);
  }

  liveLeaseOf(slice: SliceName): StoredLease | undefined {
    return this.#one(`SELECT ${LEASE_COLUMNS} FROM leases l WHERE slice = ? AND ended_ms IS NULL`, slice);
  }

  nextEndMs(): number | undefined {
    const [row] = this.#all('SELECT min(expires_ms) AS next FROM leases WHERE ended_ms IS NULL');
    return typeof row?.['next'] === 'number' ? row['next'] : undefined;
  }

  indices(): ReadonlySet<number> {
    return new Set(this.#all('SELECT sliver_index FROM slivers').map((row) => Number(row['sliver_index'])));
  }

  slivers(): readonly SliverRow[] {
    return this.#all(
      `SELECT s.slice, s.sliver_index, ${LEASE_COLUMNS} FROM slivers s JOIN leases l ON l.id = s.lease_id ORDER BY s.slice`,
    ).map(this.#toSliver);
  }

  sliver(slice: string): SliverRow | undefined {
    const [row] = this.#all(
      `SELECT s.slice, s.sliver_index, ${LEASE_COLUMNS} FROM slivers s JOIN leases l ON l.id = s.lease_id WHERE s.slice = ?`,
      slice,
    );
    return row === undefined ? undefined : this.#toSliver(row);
  }

  forgetSliver(slice: SliceName): boolean {
    return this.#transaction(() => {
      const { changes } = this.#run(
        'DELETE FROM slivers WHERE slice = ? AND lease_id IN (SELECT id FROM leases WHERE ended_ms IS NOT NULL)',
        slice,
      );
      if (changes === 0) return false;
      this.#run('DELETE FROM access WHERE slice = ?', slice);
      this.#run('DELETE FROM notices WHERE slice = ?', slice);
      return true;
    });
  }

  setAccess(slice: SliceName, keys: readonly SshKey[]): void {
    this.#writeAccess(slice, keys);
  }

  access(): ReadonlyMap<string, readonly SshKey[]> {
    const rows = this.#all('SELECT slice, keys FROM access ORDER BY slice');
    return new Map(rows.map((row) => [String(row['slice']), SshKeys.parse(JSON.parse(String(row['keys'])))]));
  }

  volumes(): readonly VolumeRecord[] {
    return this.#volumes.volumes();
  }

  saveVolumes(records: readonly VolumeRecord[]): void {
    if (records.length > 0) this.#transaction(() => this.#volumes.saveVolumes(records));
  }

  forgetVolumes(slices: readonly SliceName[]): void {
    this.#transaction(() => this.#volumes.forgetVolumes(slices));
  }

  notices(): readonly NoticeRecord[] {
    return this.#notices.notices();
  }

  addNotice(record: NoticeRecord): void {
    this.#transaction(() => this.#notices.addNotice(record));
  }

  logSteps(steps: readonly StepEntry[]): void {
    this.#steps.append(steps);
  }

  listSteps(query: Parameters<NodeStore['listSteps']>[0]): readonly StepRecord[] {
    return this.#steps.list(query);
  }

  close(): void {
    this.#database.close();
  }

  #writeAccess(slice: SliceName, keys: readonly SshKey[]): void {
    this.#run(
      'INSERT INTO access (slice, keys) VALUES (?, ?) ON CONFLICT (slice) DO UPDATE SET keys = excluded.keys',
      ...[slice, JSON.stringify(keys)],
    );
  }

  #transaction<T>(change: () => T): T {
    this.#database.exec('BEGIN IMMEDIATE');
    try {
      const result = change();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK'); // some failures have done so themselves
      throw error;
    }
  }

  /** Statements are prepared once; their number is that of the texts in this file. */
  #statement(sql: string): StatementSync {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #run(sql: string, ...values: SQLInputValue[]) {
    return this.#statement(sql).run(...values);
  }

  #all(sql: string, ...values: SQLInputValue[]): Row[] {
    return this.#statement(sql).all(...values);
  }

  #one(sql: string, ...values: SQLInputValue[]): StoredLease | undefined {
    const [row] = this.#all(sql, ...values);
    return row === undefined ? undefined : this.#toLease(row);
  }

  readonly #toLease = (row: Row): StoredLease => {
    const id = String(row['id']);
    const endedAtMs = typeof row['ended_ms'] === 'number' ? row['ended_ms'] : null;
    const known = this.#read.get(id);
    if (known?.endedAtMs === endedAtMs) return known;
    const [text] = this.#all('SELECT token, image_digest FROM leases WHERE id = ?', id);
    const token = String(text?.['token']);
    const stored = { lease: this.#readToken(token), token, imageDigest: String(text?.['image_digest']), endedAtMs };
    this.#keep(stored);
    return stored;
  };

  #keep(stored: StoredLease): void {
    if (this.#read.size >= READ_LEASES_KEPT) this.#read.clear();
    this.#read.set(stored.lease.id, stored);
  }

  readonly #toSliver = (row: Row): SliverRow => {
    const stored = this.#toLease(row);
    return { slice: stored.lease.slice, index: Number(row['sliver_index']), stored };
  };
}

type Row = Record<string, unknown>;

/** The wire form of a lease. */
export const toLeaseRecord = ({ lease, token }: Pick<StoredLease, 'lease' | 'token'>) => ({
  id: lease.id,
  slice: lease.slice,
  holder: lease.holder,
  principal: lease.principal,
  image: lease.image,
  resources: lease.resources,
  grantedAt: toInstant(lease.issuedAtMs),
  expiresAt: toInstant(lease.expiresAtMs),
  token,
  ...(lease.stopped === undefined ? {} : { stopped: lease.stopped }),
});

export const newLeaseId = (): LeaseId => LeaseId.parse(crypto.randomUUID());
