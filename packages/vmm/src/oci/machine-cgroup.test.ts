import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { limitsSwap, machineCgroup } from './machine-cgroup.ts';

/** As a Debian 13 under systemd shows a cgroup whose programs met their limits; files that are not read are left out. */
const FILES: Readonly<Record<string, string>> = {
  'cgroup.controllers': 'cpuset cpu io memory hugetlb pids rdma misc\n',
  'cgroup.events': 'populated 1\nfrozen 0\n',
  'cgroup.freeze': '0\n',
  'cgroup.max.descendants': '0\n',
  'cpu.stat':
    'usage_usec 10028992\nuser_usec 6170741\nsystem_usec 3858251\nnice_usec 0\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\nnr_bursts 0\nburst_usec 0\n',
  'cpu.pressure':
    'some avg10=0.00 avg60=1.20 avg300=0.10 total=3269869\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=7\n',
  'cpu.weight': '39\n',
  'memory.current': '375017472\n',
  'memory.events': 'low 0\nhigh 0\nmax 17\noom 2\noom_kill 2\noom_group_kill 0\n',
  'memory.max': '67108864\n',
  'memory.peak': '375676928\n',
  'memory.stat':
    'anon 248676352\nfile 116142080\nkernel 9728000\ninactive_anon 0\ninactive_file 18509824\nactive_file 94527488\nslab 2844824\n',
  'memory.swap.max': '0\n',
  'pids.current': '36\n',
  'pids.events': 'max 5\n',
  'pids.max': '64\n',
};
const LIMITS = { cpuShares: 1, memoryMiB: 64, processes: 64 };

describe('a machine’s cgroup in the one hierarchy of v2', () => {
  const mountPoint = mkdtempSync(join(tmpdir(), 'planetlab-cgroup-'));
  const folder = join(mountPoint, 'planetlab/node/a');
  const cgroup = (path: string) => machineCgroup([{ version: 2, mountPoint, controllers: [] }], path);
  beforeAll(() => {
    mkdirSync(folder, { recursive: true });
    for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
  });
  afterAll(() => rmSync(mountPoint, { recursive: true }));

  it('says what the machine uses, what it was refused and what it lost', () => {
    expect(cgroup('planetlab/node/a').stats()).toMatchObject({
      ...{ cpuMs: 10_028.992, cpuWaitedMs: 3269.869 },
      memoryWaitedMs: null, // not every kernel has a file of pressure
      memoryMiB: (375_017_472 - 18_509_824) / 2 ** 20, // without the files that the kernel gives back at once
      memoryPeakMiB: 375_676_928 / 2 ** 20,
      ...{ memoryAtLimit: 17, memoryKills: 2, processes: 36, processesRefused: 5 },
    });
  });

  it('is paused as soon as that was asked for, also while its last program still comes to rest', () => {
    expect(['a', 'gone'].map((name) => cgroup(`planetlab/node/${name}`).isFrozen())).toEqual([false, false]);
    writeFileSync(join(folder, 'cgroup.freeze'), '1\n');
    expect(cgroup('planetlab/node/a').isFrozen()).toBe(true);
  });

  it('has the limits that a runtime has written, until others are wanted', () => {
    const own = cgroup('planetlab/node/a');
    expect(own.hasLimits(LIMITS)).toBe(true);
    const doubled = { cpuShares: 2, memoryMiB: 128, processes: 128 };
    expect(own.hasLimits(doubled)).toBe(false);
    own.setLimits(doubled);
    expect(own.hasLimits(doubled)).toBe(true);
    expect(['cpu.weight', 'memory.max', 'pids.max'].map((name) => readFileSync(join(folder, name), 'utf8'))).toEqual([
      '79',
      String(128 * 2 ** 20),
      '128',
    ]);
  });

  it('gets the bound of no cgroups below it also when it was made without', () => {
    const own = cgroup('planetlab/node/a');
    own.setLimits(LIMITS);
    writeFileSync(join(folder, 'cgroup.max.descendants'), 'max\n');
    expect(own.hasLimits(LIMITS)).toBe(false);
    own.setLimits(LIMITS);
    expect(own.hasLimits(LIMITS)).toBe(true);
    expect(readFileSync(join(folder, 'cgroup.max.descendants'), 'utf8')).toBe('0');
  });
});

describe('a machine’s cgroup in the hierarchies of v1', () => {
  const mountPoint = mkdtempSync(join(tmpdir(), 'planetlab-cgroup-'));
  const hierarchies = [{ version: 1 as const, mountPoint, controllers: ['cpu', 'memory', 'pids'] }];
  const path = (file: string) => join(mountPoint, 'planetlab/node/a', file);
  const withSwap = 'memory.memsw.limit_in_bytes';
  beforeAll(() => {
    mkdirSync(path(''), { recursive: true });
    const files = { 'cpu.shares': '1024', 'memory.limit_in_bytes': '67108864', 'pids.max': '64' };
    for (const [name, text] of Object.entries(files)) writeFileSync(path(name), `${text}\n`);
  });
  afterAll(() => rmSync(mountPoint, { recursive: true }));

  it('bounds memory and swap together, also of a machine that was started without that', () => {
    const own = machineCgroup(hierarchies, 'planetlab/node/a');
    expect(own.hasLimits(LIMITS), 'where the kernel does not count swap').toBe(true);
    expect(limitsSwap(hierarchies)).toBe(false);
    for (const each of [path(withSwap), join(mountPoint, withSwap)]) writeFileSync(each, '9223372036854771712\n');
    expect(limitsSwap(hierarchies)).toBe(true);
    expect(own.hasLimits(LIMITS)).toBe(false);
    own.setLimits(LIMITS);
    expect(own.hasLimits(LIMITS)).toBe(true);
    expect(readFileSync(path(withSwap), 'utf8')).toBe(String(64 * 2 ** 20));
    writeFileSync(path('memory.failcnt'), '1\n');
    writeFileSync(path('memory.memsw.failcnt'), '16\n');
    expect(own.stats().memoryAtLimit, 'whichever of the two limits was met').toBe(17);
  });
});
