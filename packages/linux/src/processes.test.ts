import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import {
  findProcessesByEnvironment,
  isAlive,
  parseProcessStat,
  processStartTime,
  signal,
  signalAndWait,
} from './processes.ts';

describe('the stat line of a process', () => {
  it('is parsed whatever the name of the program', () => {
    const rest = Array.from({ length: 17 }, (_, index) => index + 5).join(' ');
    const line = `42 (a) S (b) R 7 ${rest} 123456 999`;
    expect(parseProcessStat(line)).toEqual({ state: 'R', parentPid: 7, startTime: 123456 });
    expect(parseProcessStat('')).toBeUndefined();
  });
});

describe('a process', () => {
  it('is told from a later one with the same pid by its start', async () => {
    const child = spawn('sleep', ['60']);
    await once(child, 'spawn');
    const pid = child.pid ?? 0;
    const startTime = processStartTime(pid);
    expect(startTime).toBeGreaterThan(0);
    expect(isAlive(pid)).toBe(true);
    expect(isAlive(pid, startTime)).toBe(true);
    expect(isAlive(pid, (startTime ?? 0) + 1)).toBe(false);
    expect(await signalAndWait(pid, 'SIGTERM', 5_000)).toBe(true);
    expect(isAlive(pid, startTime)).toBe(false);
  });

  it('that does not end in time is reported', async () => {
    const child = spawn('sh', ['-c', 'trap "" TERM; echo ready; while :; do sleep 0.05; done']);
    await once(child.stdout, 'data');
    expect(await signalAndWait(child.pid ?? 0, 'SIGTERM', 50)).toBe(false);
    expect(await signalAndWait(child.pid ?? 0, 'SIGKILL', 5_000)).toBe(true);
    expect(signal(2 ** 22 + 1, 'SIGTERM')).toBe(false);
  });

  it('is found by a variable that it was started with', async () => {
    const value = `planetlab ${process.pid}`;
    const child = spawn('sleep', ['60'], { env: { ...process.env, PLANETLAB_TEST_MARK: value } });
    await once(child, 'spawn');
    expect(findProcessesByEnvironment('PLANETLAB_TEST_MARK', value)).toEqual([child.pid]);
    expect(findProcessesByEnvironment('PLANETLAB_TEST_MARK', 'planetlab')).toEqual([]);
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
});
