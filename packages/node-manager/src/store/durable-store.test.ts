import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { generateKeyPair, issueLease, readLease } from '@planetlab/credentials';
import { HOUR_MS, toInstant } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { noFaults } from '../fault-point.ts';
import { syncFolder } from '../files.ts';
import { leaseOf, NOW_MS, slice, temporaryFolder } from '../testing/fixtures.ts';
import { openDurableStore } from './durable-store.ts';
import { openLeaseJournal } from './lease-journal.ts';

const key = generateKeyPair();
const KEY = { person: 'ada@example.org', key: 'ssh-ed25519 AAAA ada' } as never; // parsed when it is read
const TAGS = { role: 'seed' };
const entry = (name: string, index: number, over = {}) => {
  const lease = leaseOf(name, over);
  return { lease, token: issueLease(key, lease), imageDigest: 'd'.repeat(64), index, keys: [KEY] };
};

function open(folder: string, nowMs = NOW_MS) {
  const said: string[] = [];
  const say = (_fields: unknown, message?: string) => void said.push(message ?? '');
  const paths = { database: join(folder, 'node.db'), leases: join(folder, 'leases') };
  const store = openDurableStore({
    ...{ paths, nowMs, reached: noFaults, logger: { info() {}, warn: say, error: say } },
    readToken: (token) => readLease(token, key.publicKey),
  });
  const live = () => store.slivers().map((row) => `${row.slice} ${row.index}`);
  return { store, said, paths, live };
}

const journalIn = (leases: string): string => join(leases, 'journal.jsonl');

/** The slices whose leases the journal has. */
function heldIn(leases: string): readonly string[] {
  const held = new Set<string>();
  for (const line of readFileSync(journalIn(leases), 'utf8').split('\n').slice(0, -1)) {
    const said = JSON.parse(line);
    if (said.held === null) held.delete(said.slice);
    else held.add(said.slice);
  }
  return [...held].sort();
}

/** A store with two live leases and an ended one, as a manager that was killed leaves it. */
function twoLeases(folder: string) {
  const { store, paths } = open(folder);
  const ended = entry('c3_z', 4);
  for (const each of [entry('a1_x', 2), entry('b2_y', 3), ended]) store.addLeases([each]);
  const told = store.sliver('b2_y');
  if (told !== undefined) {
    store.setTags(told, TAGS);
    const of = { slice: told.slice, lease: told.stored.lease.id };
    store.saveVolumes([{ ...of, counterBytes: 1, dayStartMs: NOW_MS, sentBytes: 1, told: false }]);
    store.addNotice({
      ...of,
      at: toInstant(NOW_MS),
      code: 'memory_limit',
      message: 'A program was ended.',
      counted: 1,
    });
  }
  store.endLease(ended.lease.id, NOW_MS);
  store.forgetSliver(slice('c3_z'));
  store.close();
  return paths;
}

/** What is in the database is something else, and nobody has looked whether it may be. */
const changed = (sql: string) => (database: string) => {
  using opened = new DatabaseSync(database, { enableForeignKeyConstraints: false });
  opened.exec(sql);
};

describe('leases survive their database', () => {
  const size = (path: string) => statSync(path).size;
  it.each<[string, (database: string) => void]>([
    ['lost', (database) => rmSync(database)],
    ['empty', (database) => truncateSync(database, 0)],
    ['cut after its head', (database) => truncateSync(database, 4096)],
    ['cut in the middle', (database) => truncateSync(database, Math.floor(size(database) / 2))],
    ['cut in its last page', (database) => truncateSync(database, size(database) - 100)],
    ['overwritten', (database) => writeFileSync(database, 'not a database')],
    [
      'overwritten in the middle',
      (database) => {
        const bytes = readFileSync(database);
        writeFileSync(database, bytes.fill(0xaa, 4096, bytes.length - 4096));
      },
    ],
    [
      'holding a lease that was tampered with',
      (database) => {
        const bytes = readFileSync(database);
        for (let at = bytes.indexOf('eyJ'); at > 0; at = bytes.indexOf('eyJ', at + 3)) bytes.write('fyJ', at);
        writeFileSync(database, bytes);
      },
    ],
    ['with damaged keys', changed("UPDATE access SET keys = '[{'")],
    ['with keys that are none', changed("UPDATE access SET keys = '[7]'")],
    ['with damaged tags', changed("UPDATE tags SET tags = 'x'")],
    ['with the use of a lease that is none', changed("UPDATE volumes SET lease_id = 'x'")],
    ['with a notice of no time', changed('UPDATE notices SET at_ms = 9e18')],
    ['with a sliver whose lease is not there', changed("UPDATE slivers SET lease_id = 'x'")],
    ['with a lease that is not found by its name', changed("UPDATE leases SET id = 'x' WHERE slice = 'b2_y'")],
    [
      'with a sliver under the wrong name',
      (database) => {
        const bytes = readFileSync(database);
        const at = bytes.indexOf(Buffer.from('a1_x\x02')); // in the table; in its index the name stands elsewhere
        expect(bytes.write('a1_q', at)).toBe(4);
        writeFileSync(database, bytes);
      },
    ],
  ])('that is %s', (what, damage) => {
    using folder = temporaryFolder();
    const { database } = twoLeases(folder.path);
    damage(database);
    const { store, live } = open(folder.path);
    expect(existsSync(`${database}.damaged`)).toBe(what !== 'lost' && what !== 'empty');
    expect(live()).toEqual(['a1_x 2', 'b2_y 3']);
    expect(store.access().get('b2_y')).toEqual([KEY]);
    expect(store.slivers().map((row) => store.tags(row))).toEqual([{}, TAGS]);
    expect(() => [store.volumes(), store.notices()]).not.toThrow();
    store.close();
    const again = open(folder.path);
    expect(again.live()).toEqual(['a1_x 2', 'b2_y 3']);
    expect(again.said).toEqual([]);
    for (const { lease } of again.store.liveLeases()) again.store.endLease(lease.id, NOW_MS);
    for (const { slice: each } of again.store.slivers()) again.store.forgetSliver(each);
    again.store.close();
    const last = open(folder.path);
    expect(last.live()).toEqual([]);
    last.store.close();
  });

  it('that has lost its last moments', () => {
    using folder = temporaryFolder();
    const { database } = twoLeases(folder.path);
    const before = readFileSync(database);
    const { store } = open(folder.path);
    store.addLeases([entry('d4_w', 4), entry('e5_v', 5)]);
    store.close();
    writeFileSync(database, before);
    const { store: again, live } = open(folder.path);
    expect(live()).toEqual(['a1_x 2', 'b2_y 3', 'd4_w 4', 'e5_v 5']);
    again.close();
  });

  it('but not when they are over, or not signed by this node', () => {
    using folder = temporaryFolder();
    const { database, leases } = twoLeases(folder.path);
    rmSync(database);
    const stranger = issueLease(generateKeyPair(), leaseOf('a1_x'));
    const [line = ''] = readFileSync(journalIn(leases), 'utf8').split('\n');
    const { slice: of, held } = JSON.parse(line);
    appendFileSync(journalIn(leases), `${JSON.stringify({ slice: of, held: { ...held, token: stranger } })}\n`);
    const { store, said, live } = open(folder.path, NOW_MS + HOUR_MS);
    expect(live()).toEqual([]);
    expect(said).toEqual(['a line in the journal of leases is damaged']);
    expect(heldIn(leases)).toEqual(['a1_x']); // what cannot be read stays for people to look at
    store.close();
  });
});

describe('the journal of leases', () => {
  it('follows the lease, and has nothing of it when it is over', () => {
    using folder = temporaryFolder();
    const { store, paths } = open(folder.path);
    const first = entry('a1_x', 2);
    store.addLeases([first, entry('b2_y', 3, { expiresAtMs: NOW_MS + 4 * HOUR_MS })]);
    const renewed = { ...first.lease, expiresAtMs: NOW_MS + 2 * HOUR_MS };
    const token = issueLease(key, renewed);
    store.replaceLease(renewed, token);
    expect(readFileSync(journalIn(paths.leases), 'utf8')).toContain(token);
    expect(heldIn(paths.leases)).toEqual(['a1_x', 'b2_y']);
    store.endExpired(NOW_MS + 3 * HOUR_MS);
    expect(heldIn(paths.leases)).toEqual(['b2_y']);
    store.close();
  });

  it('says nothing of what the database did not take', () => {
    using folder = temporaryFolder();
    const { store, paths } = open(folder.path);
    store.addLeases([entry('a1_x', 2)]);
    expect(() => store.addLeases([entry('b2_y', 3), entry('c3_z', 2)])).toThrow(); // an index is taken
    expect(heldIn(paths.leases)).toEqual(['a1_x']);
    store.addLeases([entry('b2_y', 3)]);
    expect(heldIn(paths.leases)).toEqual(['a1_x', 'b2_y']);
    store.close();
  });

  it.each<[string, (journal: string) => void]>([
    ['is missing', (journal) => rmSync(journal)],
    ['ends in the middle of a line', (journal) => truncateSync(journal, statSync(journal).size - 10)],
    ['has a part of a line that was never promised', (journal) => appendFileSync(journal, '{"slice":"z9_')],
  ])('is made whole when it %s', (_what, damage) => {
    using folder = temporaryFolder();
    const { leases } = twoLeases(folder.path);
    damage(journalIn(leases));
    const { store, said } = open(folder.path);
    store.addLeases([entry('d4_w', 5)]);
    store.close();
    expect(heldIn(leases)).toEqual(['a1_x', 'b2_y', 'd4_w']);
    expect(said).toEqual([]);
  });

  it('has whole lines behind damage that is no text', () => {
    using folder = temporaryFolder();
    const { database, leases } = twoLeases(folder.path);
    const bytes = readFileSync(journalIn(leases));
    writeFileSync(journalIn(leases), Buffer.concat([bytes.fill(0xff, 5, 45), Buffer.from('{"slice":"z9_')]));
    open(folder.path).store.close(); // repairs the line of a1_x
    rmSync(database);
    const { store, live } = open(folder.path);
    expect(live()).toEqual(['a1_x 2', 'b2_y 3']);
    store.close();
  });

  it('promises nothing in a file that was written anew until its name is durable, and goes on in that file', () => {
    using folder = temporaryFolder();
    const leases = join(folder.path, 'leases');
    let full = true;
    const journal = openLeaseJournal(leases, (of) => {
      if (full) throw new Error('no space left on device');
      syncFolder(of);
    });
    const [first, second] = [entry('a1_x', 2), entry('b2_y', 3)];
    const write = () => void journal.write([first]);
    expect(() => Array.from({ length: 2000 }, write), 'when it is written anew').toThrow('no space left');
    expect(write).toThrow('no space left');
    full = false;
    journal.write([second]);
    journal.close();
    expect(heldIn(leases)).toEqual(['a1_x', 'b2_y']);
  });

  it('does not grow without end', () => {
    using folder = temporaryFolder();
    const { store, paths } = open(folder.path);
    const first = entry('a1_x', 2);
    store.addLeases([first, entry('b2_y', 3)]);
    for (let time = 0; time < 400; time++) store.replaceLease(first.lease, first.token);
    expect(statSync(journalIn(paths.leases)).size).toBeLessThan(300 * 1024);
    expect(heldIn(paths.leases)).toEqual(['a1_x', 'b2_y']);
    store.close();
  });

  it('takes over the files that a manager before has kept', () => {
    using folder = temporaryFolder();
    const { database, leases } = twoLeases(folder.path);
    const text = readFileSync(journalIn(leases), 'utf8');
    for (const line of text.split('\n').slice(0, 2)) {
      const { slice: of, held } = JSON.parse(line);
      writeFileSync(join(leases, `${of}.json`), JSON.stringify(held));
    }
    rmSync(journalIn(leases));
    rmSync(database);
    const { store, live } = open(folder.path);
    expect(live()).toEqual(['a1_x 2', 'b2_y 3']);
    expect(readdirSync(leases)).toEqual(['journal.jsonl']);
    store.close();
  });
});
