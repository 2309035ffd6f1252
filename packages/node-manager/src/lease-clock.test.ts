import { DatabaseSync } from 'node:sqlite';
import { generateKeyPair, issueLease } from '@planetlab/credentials';
import { DAY_MS, HOUR_MS } from '@planetlab/model';
import { expect, it } from 'vitest';
import { createLeaseClock } from './lease-clock.ts';
import { leaseOf, NOW_MS, storeIn, temporaryFolder } from './testing/fixtures.ts';

const key = generateKeyPair();
const logger = { info() {}, warn() {}, error() {} };

it('a machine that boots in 1970 measures leases from the newest that its node knows: a lease, or a step since', () => {
  using folder = temporaryFolder();
  const store = storeIn(folder.path, key);
  /** To the hour: it goes on while this runs. */
  const startOf = (opened: typeof store) =>
    Math.round(createLeaseClock({ store: opened, wallMs: () => 0, logger })() / HOUR_MS) * HOUR_MS;
  const startsAt = () => startOf(store);
  expect(startsAt()).toBe(0);
  const lease = leaseOf('a1_x', { expiresAtMs: NOW_MS + 100 * DAY_MS }); // renewed ever since
  store.addLeases([{ lease, token: issueLease(key, lease), imageDigest: 'd'.repeat(64), index: 2, keys: [] }]);
  expect(startsAt()).toBe(NOW_MS);
  const step = { slice: null, step: 'ApplyNetwork', outcome: 'done', durationMs: 1, message: null } as const;
  store.logSteps([{ ...step, atMs: NOW_MS + 99 * DAY_MS }]);
  expect(startsAt()).toBe(NOW_MS + 99 * DAY_MS);
  store.logSteps([{ ...step, atMs: NOW_MS + HOUR_MS }]); // a clock that was ahead has been put right
  expect(startsAt()).toBe(NOW_MS + HOUR_MS);
  store.close();
  const database = new DatabaseSync(`${folder.path}/node.db`);
  database.exec(`UPDATE steps SET outcome = 'damaged'`);
  database.close();
  const damaged = storeIn(folder.path, key);
  expect(startOf(damaged)).toBe(NOW_MS);
  damaged.close();
});
