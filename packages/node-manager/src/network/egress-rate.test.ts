import { expect, it } from 'vitest';
import { NOW_MS, newId, slice } from '../testing/fixtures.ts';
import { createRateMeter } from './egress-rate.ts';

it('tells how fast a sliver sent between the last two looks, and nothing that it cannot know', () => {
  const name = slice('a1_x');
  let nowMs = NOW_MS;
  const rates = createRateMeter(() => nowMs);
  const look = (lease: ReturnType<typeof newId>, sentBytes: number, afterMs: number) => {
    nowMs += afterMs;
    rates.take([{ slice: name, lease, counters: { sentBytes, sentPackets: 1, droppedPackets: 0, throttled: 0 } }]);
    return rates.kbps(name);
  };
  const [lease, next] = [newId(), newId()];
  expect(rates.kbps(name)).toBeNull();
  expect(look(lease, 5_000_000, 10_000), 'what was sent before is of no known time').toBeNull();
  expect(look(lease, 6_250_000, 10_000)).toBe(1000);
  expect(look(lease, 6_350_000, 10), 'a moment is too short').toBe(1000);
  expect(look(lease, 6_500_000, 9_990)).toBe(200);
  expect(look(lease, 6_500_000, 10_000)).toBe(0);
  expect(look(lease, 7_000_000, -5_000), 'the clock was set back').toBeNull();
  expect(look(lease, 100, 10_000), 'its class was made anew').toBeNull();
  expect(look(next, 200, 10_000), 'it is another sliver').toBeNull();
  rates.take([]);
  expect(rates.kbps(name)).toBeNull();
});
