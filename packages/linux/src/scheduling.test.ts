import { expect, it } from 'vitest';
import { setTimeSlice, timeSlice, withTimeSlice } from './scheduling.ts';
import { spawnProcess } from './spawn.ts';

it('a process has the turn that was set, and its own again, where the kernel knows such turns', async () => {
  const child = spawnProcess({ argv: ['sleep', '60'], stdio: [null, null, null], env: process.env });
  try {
    const before = timeSlice(child.pid);
    setTimeSlice(child.pid, 300);
    expect(timeSlice(child.pid)).toBe(before === undefined ? undefined : 300);
    setTimeSlice(child.pid, 0);
    expect(timeSlice(child.pid)).toBe(before);
  } finally {
    child.kill();
    await child.exited;
  }
  setTimeSlice(child.pid, 300); // no effect: it has ended
  expect(timeSlice(child.pid)).toBeUndefined();
});

it('what is started within a turn has it, and this process its own again', async () => {
  const own = timeSlice(process.pid);
  const sleep = { argv: ['sleep', '60'] as [string, string], stdio: [null, null, null] as const, env: process.env };
  const child = withTimeSlice(300, () => spawnProcess(sleep));
  expect(timeSlice(child.pid)).toBe(own === undefined ? undefined : 300);
  expect(timeSlice(process.pid)).toBe(own);
  child.kill();
  await child.exited;
});
