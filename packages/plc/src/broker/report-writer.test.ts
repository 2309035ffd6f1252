import type { NodeSliver } from '@planetlab/contract';
import { expect, it } from 'vitest';
import { ReportWriter } from './report-writer.ts';

const report = (slice: string, state: string) => ({ slice, state }) as NodeSliver; // no more of it is looked at

/** A store whose writes end when they are told to. */
function heldStore() {
  const stored: string[] = [];
  const ends: (() => void)[] = [];
  const writer = new ReportWriter(async ({ slice, state }) => {
    stored.push(`${slice} ${state}`);
    await new Promise<void>((resolve) => ends.push(resolve));
  });
  return { stored, writer, end: () => ends.shift()?.() };
}

it('of one sliver the newest report is stored after the one that is being stored, and what came between is left out', async () => {
  const { stored, writer, end } = heldStore();
  const first = writer.write(report('a', 'starting'));
  const between = writer.write(report('a', 'failed'));
  const last = writer.write(report('a', 'running'));
  await between; // a newer one has come
  expect(stored).toEqual(['a starting']);
  end();
  await first;
  await Promise.resolve();
  expect(stored).toEqual(['a starting', 'a running']);
  end();
  await last;
});

it('reports on different slivers do not wait for each other', async () => {
  const { stored, writer, end } = heldStore();
  const all = [writer.write(report('a', 'running')), writer.write(report('b', 'running'))];
  expect(stored).toEqual(['a running', 'b running']);
  end();
  end();
  await Promise.all(all);
});

it('a failure is told to who wrote it, and the next report is stored all the same', async () => {
  let fails = true;
  const writer = new ReportWriter(async () => {
    if (fails) throw new Error('no database');
  });
  await expect(writer.write(report('a', 'running'))).rejects.toThrow('no database');
  fails = false;
  await writer.write(report('a', 'running'));
});
