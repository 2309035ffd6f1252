import type { NodeSliver } from '@planetlab/contract';
import { expect, it } from 'vitest';
import { createEventHub } from './event-hub.ts';

/** As much of one as is looked at here. */
const sliver = (slice: string, state: string) => ({ slice, state }) as NodeSliver;

it('tells of what happens to a sliver in one turn only the end, and describes nothing that nobody takes', async () => {
  const hub = createEventHub();
  const described: string[] = [];
  const publish = (slice: string, state: string) =>
    hub.publish(slice, () => {
      described.push(`${slice} ${state}`);
      return sliver(slice, state);
    });
  publish('a1_x', 'starting'); // nobody watches yet
  const watching = hub.watch(new AbortController().signal)[Symbol.asyncIterator]();
  const first = watching.next();
  await Promise.resolve(); // it waits
  publish('a1_x', 'starting');
  await Promise.resolve();
  publish('b2_y', 'starting');
  publish('a1_x', 'running');
  expect((await first).value).toMatchObject({ slice: 'b2_y' });
  expect((await watching.next()).value).toMatchObject({ slice: 'a1_x', state: 'running' });
  expect(described).toEqual(['b2_y starting', 'a1_x running']);
  hub.close();
  expect((await watching.next()).done).toBe(true);
});
