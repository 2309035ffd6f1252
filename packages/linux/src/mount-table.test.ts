import { describe, expect, it } from 'vitest';
import { mountPointsUnder, parseMountTable, unescapeOctal } from './mount-table.ts';

const TABLE = `23 27 0:22 / /sys rw,relatime - sysfs sysfs rw
27 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw,discard
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
47 27 0:40 / /srv/a\\040b/root rw,nodev shared:2 master:1 - overlay over\\134lay rw,lowerdir=/x
48 27 0:41 /part /srv/a\\040b/lower ro,idmapped - ext4 /dev/vda rw
49 47 0:42 / /srv/a\\040b/root/dev/pts rw - devpts devpts rw
not a line
`;

describe('the mount table', () => {
  const entries = parseMountTable(TABLE);

  it('is parsed with optional fields and escaped characters', () => {
    expect(entries).toHaveLength(6);
    expect(entries[3]).toEqual({
      mountPoint: '/srv/a b/root',
      root: '/',
      type: 'overlay',
      source: 'over\\lay',
      superOptions: ['rw', 'lowerdir=/x'],
    });
    expect(entries[4]?.root).toBe('/part');
    expect(unescapeOctal('a\\011b\\012c')).toBe('a\tb\nc');
  });

  it('gives what is mounted at and below a folder, deepest last', () => {
    const points = ['/srv/a b/root', '/srv/a b/lower', '/srv/a b/root/dev/pts'];
    expect(mountPointsUnder(entries, '/srv/a b')).toEqual(points);
    expect(mountPointsUnder(entries, '/srv/a b/')).toEqual(points);
    expect(mountPointsUnder(entries, '/srv/a')).toEqual([]);
    expect(mountPointsUnder(entries, '/srv/a b/root')).toEqual(['/srv/a b/root', '/srv/a b/root/dev/pts']);
    expect(mountPointsUnder(entries, '/')).toHaveLength(6);
  });
});
