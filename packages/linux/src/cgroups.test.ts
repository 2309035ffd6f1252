import { describe, expect, it } from 'vitest';
import { cgroupFolder, cgroupHierarchies, cgroupLayout, lacksHugetlb, ownedCgroupPath } from './cgroups.ts';
import { parseMountTable } from './mount-table.ts';

const V1 = `32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
50 31 0:32 / /containers/x/sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
`;
const UNIFIED = '41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n';
const HUGETLB = '42 31 0:39 / /sys/fs/cgroup/hugetlb rw - cgroup none rw,hugetlb\n';
const V2 = '30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate\n';
const PROC_CGROUPS = '#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\t50\t1\nhugetlb\t10\t2\t1\n';

const hierarchiesOf = (table: string) => cgroupHierarchies(parseMountTable(table));

describe('the cgroup layout', () => {
  it('is told by what is mounted', () => {
    expect(cgroupLayout(hierarchiesOf(V1))).toBe('v1');
    expect(cgroupLayout(hierarchiesOf(V2))).toBe('v2');
    expect(cgroupLayout(hierarchiesOf(V1 + UNIFIED))).toBe('hybrid');
    expect(cgroupLayout(hierarchiesOf(''))).toBe('none');
  });

  it('finds the folder of a controller in each layout, and leaves out the views of containers', () => {
    expect(cgroupFolder(hierarchiesOf(V1), 'cpuacct', 'planetlab/a')).toBe('/sys/fs/cgroup/cpu,cpuacct/planetlab/a');
    expect(cgroupFolder(hierarchiesOf(V2), 'cpuacct', 'planetlab/a')).toBe('/sys/fs/cgroup/planetlab/a');
    expect(cgroupFolder(hierarchiesOf(V1), 'pids', 'planetlab/a')).toBeUndefined();
    expect(hierarchiesOf(V1)).toHaveLength(3);
  });
});

describe('what crun needs of a hybrid host', () => {
  it('is hugetlb as a hierarchy of its own, when the kernel has it', () => {
    expect(lacksHugetlb(hierarchiesOf(V1 + UNIFIED), PROC_CGROUPS)).toBe(true);
    expect(lacksHugetlb(hierarchiesOf(V1 + UNIFIED + HUGETLB), PROC_CGROUPS)).toBe(false);
    expect(lacksHugetlb(hierarchiesOf(V1 + UNIFIED), 'memory\t4\t50\t1\n')).toBe(false);
    expect(lacksHugetlb(hierarchiesOf(V1), PROC_CGROUPS)).toBe(false);
    expect(lacksHugetlb(hierarchiesOf(V2), PROC_CGROUPS)).toBe(false);
  });
});

describe('the cgroups that may be removed', () => {
  it('begin with planetlab', () => {
    expect(ownedCgroupPath('planetlab-node1/princeton_codeen')).toBe('planetlab-node1/princeton_codeen');
  });

  it.each([
    '',
    '/',
    'system.slice',
    '/planetlab',
    'planetlab/../system.slice',
    'planetlab//a',
    'planetlab/',
    'a/planetlab',
  ])('are not %j', (path) => expect(() => ownedCgroupPath(path)).toThrow(/refusing to touch/));
});
