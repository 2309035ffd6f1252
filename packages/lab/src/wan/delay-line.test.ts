import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DelayLine } from './delay-line.ts';

const PORTS = 3;
const QUEUE = 5;

const matrices = fc.array(
  fc.array(fc.double({ min: 0, max: 200, noNaN: true }), { minLength: PORTS, maxLength: PORTS }),
  {
    minLength: PORTS,
    maxLength: PORTS,
  },
);
const port = fc.integer({ min: 0, max: PORTS - 1 });
/** What happens one after the other: time passes, then a packet departs (or only time passes). */
const events = fc.array(
  fc.record({ passMs: fc.double({ min: 0, max: 50, noNaN: true }), from: port, to: port, departs: fc.boolean() }),
  { maxLength: 200 },
);

describe('the delay line', () => {
  it('delivers every accepted packet exactly at its time, in order, and drops only what exceeds the queue of its pair', () => {
    fc.assert(
      fc.property(matrices, events, (oneWayMs, history) => {
        const line = new DelayLine(oneWayMs, QUEUE);
        let nowMs = 0;
        let serial = 0;
        let flying: { dueMs: number; serial: number; from: number; to: number }[] = [];
        for (const event of history) {
          nowMs += event.passMs;
          const expected = flying.filter((flight) => flight.dueMs <= nowMs);
          flying = flying.filter((flight) => flight.dueMs > nowMs);
          expected.sort((a, b) => a.dueMs - b.dueMs || a.serial - b.serial);
          for (const { to, serial: id } of expected) {
            expect(line.take(nowMs)).toMatchObject({ to, packet: Uint8Array.of(id & 0xff, id >> 8) });
          }
          expect(line.take(nowMs)).toBeUndefined();
          if (!event.departs) continue;
          const { from, to } = event;
          const room = flying.filter((flight) => flight.from === from && flight.to === to).length < QUEUE;
          expect(line.offer(from, to, Uint8Array.of(serial & 0xff, serial >> 8), nowMs)).toBe(room);
          if (room) flying.push({ dueMs: nowMs + (oneWayMs[from]?.[to] ?? 0), serial, from, to });
          serial++;
          expect(line.size).toBe(flying.length);
          expect(line.nextDueMs).toBe(Math.min(...flying.map((flight) => flight.dueMs)));
        }
      }),
    );
  });

  it('is empty at first', () => {
    const line = new DelayLine([[0]], 1);
    expect(line.nextDueMs).toBe(Number.POSITIVE_INFINITY);
    expect(line.take(1e9)).toBeUndefined();
  });
});
