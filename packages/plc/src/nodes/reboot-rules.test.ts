import { DAY_MS, type Instant, MINUTE_MS, Principal } from '@planetlab/model';
import { expect, it } from 'vitest';
import type { StoredReboot } from '../store/schema.ts';
import { type RebootFacts, rebootStep } from './reboot-rules.ts';

const AT = '2026-01-01T00:00:00.000Z';
const waiting: StoredReboot = {
  ...{ reason: 'a kernel', at: AT, by: Principal.parse('person:ada@example.org'), now: false, askedAt: null },
  ...{
    dueAt: '2026-01-01T02:00:00.000Z' as Instant,
    id: '0198f1c2-7a5e-7000-8000-000000000000',
    bootId: null,
    drains: true,
  },
};
const asked: StoredReboot = { ...waiting, askedAt: AT, bootId: 'one' };
const step = (reboot: StoredReboot, node: Partial<RebootFacts>, afterMs = 0) =>
  rebootStep(reboot, { connected: true, slivers: 0, bootId: 'one', ...node }, Date.parse(AT) + afterMs);

it('tells a node to reboot when it is connected and empty, at the latest when it is due, or at once', () => {
  expect(step(waiting, { slivers: 1 })).toBe('wait');
  expect(step(waiting, { connected: false })).toBe('wait');
  expect(step(waiting, {})).toBe('ask');
  expect(step(waiting, { slivers: 1 }, 119 * MINUTE_MS)).toBe('wait');
  expect(step(waiting, { slivers: 1 }, 120 * MINUTE_MS)).toBe('ask');
  expect(step({ ...waiting, now: true, dueAt: null }, { slivers: 1 })).toBe('ask');
});

it('gives a reboot that an earlier version was asked for a day', () => {
  const { dueAt: _, ...earlier } = waiting;
  const after = (ms: number) => step(earlier as StoredReboot, { slivers: 1 }, ms); // as it stands in the database
  expect([after(DAY_MS - 1), after(DAY_MS)]).toEqual(['wait', 'ask']);
});

it('knows by its boot id that a machine has rebooted, and gives up on one that is there and has not', () => {
  expect(step(asked, {})).toBe('wait');
  expect(step(asked, { bootId: undefined })).toBe('wait');
  expect(step(asked, { bootId: 'two' })).toBe('done');
  expect(step(asked, { connected: false }, 60 * MINUTE_MS)).toBe('wait');
  expect(step(asked, {}, 16 * MINUTE_MS)).toBe('failed');
});
