import { describe, expect, it } from 'vitest';
import { endFirst, isFirst, putFirst } from './first-turn.ts';

/** The files of a cgroup in memory, and what was written to them in which order. */
function cgroup(content: Readonly<Record<string, string>>) {
  const files = new Map(Object.entries(content));
  const written: string[] = [];
  return {
    written,
    read: (file: string) => files.get(file) ?? '',
    write(file: string, value: string) {
      if (!files.has(file)) return;
      files.set(file, `${value}\n`);
      written.push(`${file} ${value}`);
    },
  };
}

describe('going first', () => {
  it('is bounded before the weight is raised, and never has more in store than its bound (v1)', () => {
    const own = cgroup({
      ...{ 'cpu.shares': '1024\n', 'cpu.cfs_period_us': '100000\n' },
      ...{ 'cpu.cfs_quota_us': '-1\n', 'cpu.cfs_burst_us': '0\n' },
    });
    expect(isFirst(own, false)).toBe(false);
    putFirst(own, false, 500);
    expect(isFirst(own, false)).toBe(true);
    expect(own.written.splice(0)).toEqual([
      ...['cpu.cfs_burst_us 0', 'cpu.cfs_period_us 100000', 'cpu.cfs_quota_us 50000', 'cpu.cfs_burst_us 50000'],
      'cpu.shares 262144',
    ]);
    endFirst(own, false);
    expect(own.written).toEqual(['cpu.cfs_burst_us 0', 'cpu.cfs_quota_us -1']);
    expect(isFirst(own, false)).toBe(false);
  });

  it('works where the kernel saves up nothing, and for the smallest reservations (v2)', () => {
    const own = cgroup({ 'cpu.weight': '39\n', 'cpu.max': 'max 100000\n' });
    putFirst(own, true, 1);
    expect(own.written).toEqual(['cpu.max 1000 100000', 'cpu.weight 10000']);
    expect(isFirst(own, true)).toBe(true);
    endFirst(own, true);
    expect(isFirst(own, true)).toBe(false);
  });

  it('is for nobody where the kernel cannot bound it', () => {
    const own = cgroup({ 'cpu.shares': '1024\n' });
    putFirst(own, false, 500);
    endFirst(own, false);
    expect(own.written).toEqual([]);
    expect(isFirst(own, false)).toBe(false);
  });
});
