import { mkdirSync, writeFileSync } from 'node:fs';
import { generateKeyPair, issueLease, readLease } from '@planetlab/credentials';
import { HOUR_MS, toInstant } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { noFaults } from './fault-point.ts';
import { adminWithoutManager } from './local/without-manager.ts';
import { nodePaths } from './paths.ts';
import { localStatus } from './status.ts';
import { openDurableStore } from './store/durable-store.ts';
import { leaseOf, NODE, NOW_MS, slice, temporaryFolder } from './testing/fixtures.ts';

const key = generateKeyPair();
const logger = { info() {}, warn() {}, error() {} };

/** A node that has joined and has had a sliver; its manager does not run. */
function nodeIn(folder: string) {
  const paths = nodePaths(folder);
  mkdirSync(paths.leases);
  writeFileSync(paths.nodeKey, key.exportPem());
  writeFileSync(paths.node, JSON.stringify({ nodeId: NODE.id, name: NODE.name, plcAddress: 'plc.example.org:7443' }));
  const readToken = (token: string) => readLease(token, key.publicKey);
  const store = openDurableStore({ paths, readToken, logger, nowMs: NOW_MS, reached: noFaults });
  const lease = leaseOf('a1_x');
  store.addLeases([{ lease, token: issueLease(key, lease), imageDigest: 'd'.repeat(64), index: 2, keys: [] }]);
  store.close();
  return paths;
}

describe('without a manager', () => {
  it.each<[string, string, RegExp]>([
    ['garbage', 'no database, whatever its name says', /not a database/],
    ['a database without anything', '', /no such table/],
  ])('what a node has is known when its database is %s', async (_what, content, why) => {
    using folder = temporaryFolder();
    const { database } = nodeIn(folder.path);
    const sliver = { slice: 'a1_x', index: 2, leaseEndsAt: toInstant(NOW_MS + HOUR_MS), ended: false };
    expect(localStatus(folder.path)).toMatchObject({ slivers: [sliver], databaseError: null });
    writeFileSync(database, content);
    const status = localStatus(folder.path);
    expect(status).toMatchObject({ name: NODE.name, slivers: [sliver], databaseError: expect.stringMatching(why) });
    const admin = adminWithoutManager(folder.path, () => NOW_MS);
    await admin.ban(slice('a1_x'), 'why');
    expect(admin.bans()).toMatchObject([{ subject: 'a1_x', reason: 'why' }]);
  });

  it('the log of steps of a damaged database is said to be out of reach', () => {
    using folder = temporaryFolder();
    const { database } = nodeIn(folder.path);
    expect(adminWithoutManager(folder.path, () => NOW_MS).steps(undefined, 9)).toEqual([]);
    writeFileSync(database, 'no database, whatever its name says');
    expect(() => adminWithoutManager(folder.path, () => NOW_MS).steps(undefined, 9)).toThrow(/cannot be read: file is/);
  });
});
