import { existsSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPair, issueLease, readLease } from '@planetlab/credentials';
import { HOUR_MS } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { noFaults } from '../fault-point.ts';
import { leaseOf, NOW_MS, slice, temporaryFolder } from '../testing/fixtures.ts';
import { openDurableStore } from './durable-store.ts';

const key = generateKeyPair();
const KEY = { person: 'ada@example.org', key: 'ssh-ed25519 AAAA ada' } as never; // parsed when it is read
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

/** A store with two live leases and an ended one, as a manager that was killed leaves it. */
function twoLeases(folder: string) {
  const { store, paths } = open(folder);
  const ended = entry('c3_z', 4);
  for (const each of [entry('a1_x', 2), entry('b2_y', 3), ended]) store.addLease(each);
  store.endLease(ended.lease.id, NOW_MS);
  store.forgetSliver(slice('c3_z'));
  store.close();
  return paths;
}

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
  ])('that is %s', (_what, damage) => {
    using folder = temporaryFolder();
    const { database } = twoLeases(folder.path);
    damage(database);
    const { store, live } = open(folder.path);
    expect(live()).toEqual(['a1_x 2', 'b2_y 3']);
    expect(store.access().get('b2_y')).toEqual([KEY]);
    store.close();
    const again = open(folder.path);
    expect(again.live()).toEqual(['a1_x 2', 'b2_y 3']);
    expect(again.said).toEqual([]);
    again.store.close();
  });

  it('but not when they are over, or not signed by this node', () => {
    using folder = temporaryFolder();
    const { database, leases } = twoLeases(folder.path);
    rmSync(database);
    const file = join(leases, 'a1_x.json');
    const stranger = issueLease(generateKeyPair(), leaseOf('a1_x'));
    writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), token: stranger }));
    const { store, said, live } = open(folder.path, NOW_MS + HOUR_MS);
    expect(live()).toEqual([]);
    expect(said).toEqual(['the file of a lease is damaged']);
    expect(existsSync(join(leases, 'b2_y.json'))).toBe(false);
    store.close();
  });
});

describe('the file of a lease', () => {
  it('follows the lease, and is gone with it', () => {
    using folder = temporaryFolder();
    const { store, paths } = open(folder.path);
    const first = entry('a1_x', 2);
    store.addLease(first);
    const renewed = { ...first.lease, expiresAtMs: NOW_MS + 2 * HOUR_MS };
    const token = issueLease(key, renewed);
    store.replaceLease(renewed, token);
    expect(readFileSync(join(paths.leases, 'a1_x.json'), 'utf8')).toContain(token);
    store.endExpired(NOW_MS + 3 * HOUR_MS);
    expect(readdirSync(paths.leases)).toEqual([]);
    store.close();
  });

  it('is made again when it is missing', () => {
    using folder = temporaryFolder();
    const { leases } = twoLeases(folder.path);
    rmSync(join(leases, 'a1_x.json'));
    open(folder.path).store.close();
    expect(readdirSync(leases).sort()).toEqual(['a1_x.json', 'b2_y.json']);
  });
});
