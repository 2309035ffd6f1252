import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { processStartTime } from '@planetlab/linux';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { versionIn } from './find-runtime.ts';
import { keyedNumber } from './machine-cgroup.ts';
import { codeOfFailure } from './oci-exec.ts';
import { openFilesLimit } from './oci-vmm.ts';
import { errorsInLog, parseRuntimeState, readRecordedMachine } from './runtime-state.ts';

describe('the state file of a runtime', () => {
  it('is read in each runtime’s form', () => {
    const crun = '{"pid": 11559, "process-start-time": 136421, "cgroup-path": "/planetlab/s1"}';
    expect(parseRuntimeState('crun', crun)).toEqual({ pid: 11559, startTime: 136421 });
    const runc = '{"id": "s1", "init_process_pid": 11586, "init_process_start": 136428}';
    expect(parseRuntimeState('runc', runc)).toEqual({ pid: 11586, startTime: 136428 });
  });

  it.each([
    '',
    '{',
    'null',
    '[]',
    '{}',
    '{"pid": "1", "process-start-time": 2}',
    '{"pid": 0, "process-start-time": 2}',
  ])('is nothing when it is %j', (text) => expect(parseRuntimeState('crun', text)).toBeUndefined());
});

describe('a machine as it is recorded', () => {
  let folder = '';
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'planetlab-state-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const record = (startTime: number) =>
    writeFileSync(join(folder, 'status'), JSON.stringify({ pid: process.pid, 'process-start-time': startTime }));

  it('is alive when its process is still the same, and waits as long as its pipe is there', () => {
    const startTime = processStartTime(process.pid) ?? 0;
    record(startTime);
    const state = { pid: process.pid, startTime };
    expect(readRecordedMachine('crun', folder)).toEqual({ process: state, waiting: false });
    writeFileSync(join(folder, 'exec.fifo'), '');
    expect(readRecordedMachine('crun', folder)).toEqual({ process: state, waiting: true });
  });

  it('has ended when another process has its pid, or when nothing is recorded', () => {
    expect(readRecordedMachine('crun', folder)).toEqual({ waiting: false });
    record(1);
    expect(readRecordedMachine('crun', folder)).toEqual({ waiting: false });
    expect(readRecordedMachine('crun', join(folder, 'none'))).toEqual({ waiting: false });
  });

  it('keeps the words of the runtime', () => {
    const log = join(folder, 'log');
    expect(errorsInLog(log)).toBeUndefined();
    writeFileSync(log, '{"msg":"careful","level":"warning"}\n{"msg":"no such thing","level":"error"}\n');
    expect(errorsInLog(log)).toBe('no such thing');
  });
});

describe('what tools and files say', () => {
  it('gives the exit code that a shell would give', () => {
    expect(codeOfFailure('executable file `x` not found in $PATH: No such file or directory')).toBe(127);
    expect(codeOfFailure('exec: "x": executable file not found in $PATH')).toBe(127);
    expect(codeOfFailure('open executable: Permission denied')).toBe(126);
    expect(codeOfFailure('cannot join cgroup')).toBe(125);
  });

  it('gives versions, limits and counts', () => {
    expect(versionIn('crun version 1.8.1\ncommit: x')).toBe('1.8.1');
    expect(versionIn('runc version 1.1.5+ds1')).toBe('1.1.5+ds1');
    expect(openFilesLimit('Max open files            1024                 20000                files')).toBe(20_000);
    expect(openFilesLimit('Max open files            1024                 unlimited            files')).toBe(1_048_576);
    expect(keyedNumber('usage_usec 12\nuser_usec 5\n', 'user_usec')).toBe(5);
    expect(keyedNumber('', 'frozen')).toBe(0);
  });
});
