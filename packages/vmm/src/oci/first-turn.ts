/**
 * A machine that goes first has the highest weight there is: its programs run as soon as they wake up, whatever others do.
 * So that it cannot keep the processors, the kernel also bounds how much it computes (CFS bandwidth). The bound says
 * whether it is first.
 */

/** Reads and writes a file of the machine's processor controller; reading one that is not there gives ''. */
export interface CpuFiles {
  read(file: string): string;
  write(file: string, value: string): void;
}

/** In one period it computes its part and, when it was idle before, once more as much. */
const PERIOD_US = 100_000;
const LEAST_QUOTA_US = 1000;

interface Layout {
  readonly weight: { readonly file: string; readonly highest: string };
  readonly bound: string;
  readonly burst: string;
  readonly free: string;
  quota(us: number): readonly (readonly [file: string, value: string])[];
}

const V1: Layout = {
  weight: { file: 'cpu.shares', highest: '262144' },
  bound: 'cpu.cfs_quota_us',
  burst: 'cpu.cfs_burst_us',
  free: '-1',
  quota: (us) => [
    ['cpu.cfs_period_us', String(PERIOD_US)],
    ['cpu.cfs_quota_us', String(us)],
  ],
};

const V2: Layout = {
  weight: { file: 'cpu.weight', highest: '10000' },
  bound: 'cpu.max',
  burst: 'cpu.max.burst',
  free: 'max',
  quota: (us) => [['cpu.max', `${us} ${PERIOD_US}`]],
};

const layoutOf = (unified: boolean): Layout => (unified ? V2 : V1);

export function isFirst({ read }: CpuFiles, unified: boolean): boolean {
  const { bound, free } = layoutOf(unified);
  const [quota = ''] = read(bound).trim().split(' ');
  return quota !== '' && quota !== free;
}

/** No effect where the kernel cannot bound what a cgroup computes. */
export function putFirst(files: CpuFiles, unified: boolean, mostMillis: number): void {
  const { weight, bound, quota } = layoutOf(unified);
  if (files.read(bound) === '') return;
  const us = Math.max(LEAST_QUOTA_US, Math.round((mostMillis / 1000) * PERIOD_US));
  setBurst(files, unified, 0); // never more than the quota, which may become smaller
  for (const [file, value] of quota(us)) files.write(file, value);
  setBurst(files, unified, us);
  files.write(weight.file, weight.highest); // at the end: never first without a bound
}

/** Takes the bound away. The weight has been set before: never first without a bound. */
export function endFirst(files: CpuFiles, unified: boolean): void {
  if (!isFirst(files, unified)) return;
  setBurst(files, unified, 0);
  files.write(layoutOf(unified).bound, layoutOf(unified).free);
}

/** Linux ≥ 5.14. */
function setBurst(files: CpuFiles, unified: boolean, us: number): void {
  const { burst } = layoutOf(unified);
  if (files.read(burst) !== '') files.write(burst, String(us));
}
