import { closeSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue, type StatementSync } from 'node:sqlite';
import { type SshKey, SshKeys, type StepRecord, type Tags } from '@planetlab/contract';
import type { Lease } from '@planetlab/credentials';
import type { LeaseId, SliceName } from '@planetlab/model';
import type { Bound } from '../admission/bound.ts';
import type { VolumeRecord, VolumeStore } from '../network/volume-meter.ts';
import { LeaseIndex } from './lease-index.ts';
import { createNoticeTable, type NoticeRecord, type NoticeStore } from './notice-table.ts';
import { migrate } from './schema.ts';
import { createStepLog, type StepEntry } from './step-log.ts';
import { createTagTable, type TagStore } from './tag-table.ts';
import { transaction } from './transaction.ts';
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
  /** Absent when its programs have been told none. */
  readonly tags?: Tags;
}

/** What the node must remember over crashes. Each method is one transaction, durable when it returns. */
export interface NodeStore extends VolumeStore, NoticeStore, TagStore {
  /** Binds each lease, the sliver's index and its keys together: all of them, or none. */
  addLeases(entries: readonly LeaseEntry[]): void;
  /** The same lease in another form: another end, other resources. No effect once it has ended. */
  replaceLease(lease: Lease, token: string): void;
  endLease(id: LeaseId, nowMs: number): void;
  /** Ends every lease whose time is over; the slices concerned. */
  endExpired(nowMs: number): readonly SliceName[];
  lease(id: LeaseId): StoredLease | undefined;
  liveLeases(): readonly StoredLease[];
  liveLeaseOf(slice: SliceName): StoredLease | undefined;
  /** What the leases that hold bind together. */
  bound(): Bound;
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
 * the result code for a damaged database, when that is what it finds, and what a parser throws for what it cannot read.
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
    return new Store(database, readToken);
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Damage is found now and not in the middle of something: the whole of it is read once, and rows are where others say. */
function checkWhole(database: DatabaseSync): void {
  const [row] = database.prepare('PRAGMA integrity_check(1)').all();
  const found = String(row?.['integrity_check'] ?? 'no answer');
  if (found !== 'ok') throw corrupt(found);
  const [dangling] = database.prepare('PRAGMA foreign_key_check').all();
  if (dangling !== undefined) throw corrupt(`a row of ${dangling['table']} names one that is not there`);
}

const corrupt = (found: string): Error => Object.assign(new Error(found), { errcode: SQLITE_CORRUPT });

const SQLITE_CORRUPT = 11;

export class SqliteStore implements NodeStore {
  readonly #database: DatabaseSync;
  readonly #steps: ReturnType<typeof createStepLog>;
  readonly #volumes: VolumeStore;
  readonly #notices: NoticeStore;
  readonly #tags: TagStore;
  readonly #readToken: (token: string) => Lease;
  readonly #statements = new Map<string, StatementSync>();
  /** What the tables have of slivers, and who may log in to them. Nobody else writes these tables. */
  readonly #index = new LeaseIndex();
  readonly #access = new Map<string, readonly SshKey[]>();

  /** Every token of a sliver is read, and all else that is read later, so that what cannot be read is found now. */
  constructor(database: DatabaseSync, readToken: (token: string) => Lease) {
    this.#database = database;
    this.#readToken = readToken;
    this.#steps = createStepLog(database);
    this.#volumes = createVolumeTable(database);
    this.#notices = createNoticeTable(database);
    this.#tags = createTagTable(database);
    const rows = this.#all(
      `SELECT s.sliver_index, l.token, l.image_digest, l.ended_ms FROM slivers s JOIN leases l ON l.id = s.lease_id`,
    );
    for (const row of rows) {
      const stored = this.#toLease(row);
      this.#index.set({ slice: stored.lease.slice, index: Number(row['sliver_index']), stored });
    }
    for (const { slice, keys } of this.#all('SELECT slice, keys FROM access'))
      this.#access.set(String(slice), SshKeys.parse(JSON.parse(String(keys))));
    this.#volumes.volumes();
    this.#notices.notices();
  }

  addLeases(entries: readonly LeaseEntry[]): void {
    this.addLeasesBy(transaction, entries);
  }

  /** The same, by a transaction of the caller's choice. */
  protected addLeasesBy(transact: typeof transaction, entries: readonly LeaseEntry[]): void {
    transact(this.#database, () => {
      for (const entry of entries) this.#insert(entry);
    });
    for (const { lease, token, imageDigest, index, keys, tags } of entries) {
      const row: SliverRow = { slice: lease.slice, index, stored: { lease, token, imageDigest, endedAtMs: null } };
      this.#index.set(row);
      this.#access.set(lease.slice, keys);
      if (tags !== undefined) this.#tags.setTags(row, tags);
    }
  }

  replaceLease(lease: Lease, token: string): void {
    const values = [token, lease.expiresAtMs, lease.id];
    this.#run('UPDATE leases SET token = ?, expires_ms = ? WHERE id = ? AND ended_ms IS NULL', ...values);
    this.#change(lease.id, { lease, token });
  }

  endLease(id: LeaseId, nowMs: number): void {
    this.#run('UPDATE leases SET ended_ms = ? WHERE id = ? AND ended_ms IS NULL', nowMs, id);
    this.#change(id, { endedAtMs: nowMs });
  }

  endExpired(nowMs: number): readonly SliceName[] {
    const ended = this.liveLeases().flatMap(({ lease }) => (lease.expiresAtMs <= nowMs ? lease : []));
    this.#transaction(() => {
      if (ended.length > 0)
        this.#run('UPDATE leases SET ended_ms = ? WHERE ended_ms IS NULL AND expires_ms <= ?', nowMs, nowMs);
      this.#run(
        'DELETE FROM leases WHERE ended_ms < ? AND id NOT IN (SELECT lease_id FROM slivers)',
        nowMs - ENDED_KEPT_MS,
      );
    });
    for (const { id } of ended) this.#change(id, { endedAtMs: nowMs });
    return ended.map(({ slice }) => slice);
  }

  lease(id: LeaseId): StoredLease | undefined {
    const known = this.#index.byLease(id);
    if (known !== undefined) return known.stored;
    const [row] = this.#all('SELECT token, image_digest, ended_ms FROM leases WHERE id = ?', id); // its sliver is gone
    return row === undefined ? undefined : this.#toLease(row);
  }

  liveLeases(): readonly StoredLease[] {
    return this.#index.live();
  }

  liveLeaseOf(slice: SliceName): StoredLease | undefined {
    const stored = this.#index.get(slice)?.stored;
    return stored?.endedAtMs === null ? stored : undefined;
  }

  bound(): Bound {
    return this.#index.bound();
  }

  nextEndMs(): number | undefined {
    const next = this.#index.nextEndMs();
    return next === Number.POSITIVE_INFINITY ? undefined : next;
  }

  indices(): ReadonlySet<number> {
    return this.#index.indices();
  }

  slivers(): readonly SliverRow[] {
    return this.#index.rows();
  }

  sliver(slice: string): SliverRow | undefined {
    return this.#index.get(slice);
  }

  forgetSliver(slice: SliceName): boolean {
    if (this.#index.get(slice)?.stored.endedAtMs == null) return false;
    this.#transaction(() => {
      this.#run('DELETE FROM slivers WHERE slice = ?', slice);
      this.#run('DELETE FROM access WHERE slice = ?', slice);
      this.#run('DELETE FROM notices WHERE slice = ?', slice);
    });
    this.#index.delete(slice);
    this.#access.delete(slice);
    return true;
  }

  setAccess(slice: SliceName, keys: readonly SshKey[]): void {
    this.#writeAccess(slice, keys);
    this.#access.set(slice, keys);
  }

  access(): ReadonlyMap<string, readonly SshKey[]> {
    return this.#access;
  }

  tags(sliver: SliverRow): Tags {
    return this.#tags.tags(sliver);
  }

  setTags(sliver: SliverRow, tags: Tags): void {
    this.#tags.setTags(sliver, tags);
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

  #insert({ lease, token, imageDigest, index, keys }: LeaseEntry): void {
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
  }

  #writeAccess(slice: SliceName, keys: readonly SshKey[]): void {
    this.#run(
      'INSERT INTO access (slice, keys) VALUES (?, ?) ON CONFLICT (slice) DO UPDATE SET keys = excluded.keys',
      ...[slice, JSON.stringify(keys)],
    );
  }

  #transaction<T>(change: () => T): T {
    return transaction(this.#database, change);
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

  #change(id: LeaseId, change: Partial<StoredLease>): void {
    const row = this.#index.byLease(id);
    if (row?.stored.endedAtMs === null) this.#index.set({ ...row, stored: { ...row.stored, ...change } });
  }

  #toLease(row: Row): StoredLease {
    const token = String(row['token']);
    const endedAtMs = typeof row['ended_ms'] === 'number' ? row['ended_ms'] : null;
    return { lease: this.#readToken(token), token, imageDigest: String(row['image_digest']), endedAtMs };
  }
}

type Row = Record<string, unknown>;
