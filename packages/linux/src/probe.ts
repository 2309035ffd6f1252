import { accessSync, closeSync, constants, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { cgroupLayout, readCgroupHierarchies, removeCgroupTree, topCgroups } from './cgroups.ts';
import { CommandError, type CommandRunner } from './command.ts';
import { bindMountIdMapped, mountOverlay, prepareOverlayFolders, unmount, unmountUnder } from './mounts.ts';
import { createNetworkNamespace, deleteNetworkNamespace, inNamespace, listNetworkNamespaces } from './namespaces.ts';
import { isAlive, isErrno } from './processes.ts';
import { openTun } from './tun.ts';
import { openMappedUserNamespace } from './user-namespace.ts';

export type FeatureName =
  | 'root'
  | 'user namespaces'
  | 'overlayfs'
  | 'idmapped mounts'
  | 'network namespaces'
  | 'veth'
  | 'nftables'
  | 'TUN'
  | 'cgroups'
  | 'runtime'
  | 'init'
  | 'netem'
  | 'kvm';

/** What one try on this host gave. */
export interface Feature {
  readonly feature: FeatureName;
  readonly available: boolean;
  /** One sentence: what was found, or what is missing and what to do. */
  readonly reason: string;
}

/** Tries each feature for real and removes what it made. Nothing it makes stays, whatever the outcome. */
export async function probeHost(runner: CommandRunner): Promise<readonly Feature[]> {
  await removeProbeLeftovers(runner);
  const features: Feature[] = [];
  const name = `${PREFIX}${process.pid}`;
  const scratch: Scratch = { runner, folder: mkdtempSync(join(tmpdir(), `${name}-`)), name };
  try {
    for (const [feature, tryIt, advice] of PROBES) features.push(await probe(feature, () => tryIt(scratch), advice));
  } finally {
    rmSync(scratch.folder, { recursive: true, force: true });
  }
  return features;
}

const PREFIX = 'planetlab-probe-';

/** Removes what a probe left that was killed in the middle: its name says which process it was. */
export async function removeProbeLeftovers(runner: CommandRunner): Promise<void> {
  const isLeft = (name: string) => {
    const pid = new RegExp(`^${PREFIX}(\\d+)(-|$)`).exec(name)?.[1];
    return pid !== undefined && !isAlive(Number(pid));
  };
  for (const name of listNetworkNamespaces().filter(isLeft)) await deleteNetworkNamespace(name, runner);
  for (const name of readdirSync(tmpdir()).filter(isLeft)) {
    const folder = join(tmpdir(), name);
    unmountUnder(folder);
    rmSync(folder, { recursive: true, force: true });
  }
  for (const name of topCgroups().filter(isLeft)) await removeCgroupTree(name);
}

interface Scratch {
  readonly runner: CommandRunner;
  readonly folder: string;
  readonly name: string;
}

/** Resolves to a sentence about what was found; throws when it does not work. */
type Try = (scratch: Scratch) => Promise<string> | string;

async function probe(feature: FeatureName, tryIt: () => Promise<string> | string, advice: string): Promise<Feature> {
  try {
    return { feature, available: true, reason: await tryIt() };
  } catch (error) {
    return { feature, available: false, reason: `${whatWentWrong(error)} ${advice}` };
  }
}

function whatWentWrong(error: unknown): string {
  if (isErrno(error, 'ENOENT') && error instanceof Error && error.message.startsWith('spawn ')) {
    return `The program ${error.message.split(' ')[1]} is not installed.`;
  }
  const words = error instanceof CommandError ? error.result.stderr.trim() : String(error).replace(/^Error: /, '');
  return words.endsWith('.') ? words : `${words}.`;
}

const PROBE_ID_BASE = 1_000_000;

const PROBES: readonly (readonly [FeatureName, Try, string])[] = [
  ['root', tryRoot, 'Run it as root or through sudo.'],
  ['user namespaces', tryUserNamespaces, 'Allow them (user.max_user_namespaces, AppArmor) for root.'],
  ['overlayfs', tryOverlay, 'A kernel with overlayfs is needed, and a file system that it accepts.'],
  ['idmapped mounts', tryIdMap, 'Linux 5.19 or later is needed, and a file system that supports them.'],
  ['network namespaces', tryNetworkNamespace, 'Install iproute2; the kernel must have network namespaces.'],
  ['veth', tryVeth, 'The kernel module veth is needed.'],
  ['nftables', tryNftables, 'Install nftables; the kernel must have nf_tables with NAT.'],
  ['TUN', tryTun, 'The kernel module tun is needed.'],
  ['cgroups', tryCgroups, 'Mount the cgroup file systems under /sys/fs/cgroup.'],
  ['runtime', tryRuntime, 'Install crun (or runc).'],
  ['init', tryInit, 'Install catatonit.'],
  ['netem', tryNetem, 'Wide-area delays are then emulated in user space.'],
  ['kvm', tryKvm, 'Machines with a kernel of their own are then emulated or not offered.'],
];

function tryRoot(): string {
  if (process.getuid?.() !== 0) throw new Error('This process does not run as root');
  return 'Running as root.';
}

async function tryUserNamespaces(): Promise<string> {
  closeSync(await openMappedUserNamespace({ idBase: PROBE_ID_BASE, idCount: 65536 }));
  return 'A user namespace with its own id range can be made.';
}

async function tryWriting(folder: string, lower: string): Promise<void> {
  const [upper, work, target] = [join(folder, 'upper'), join(folder, 'work'), join(folder, 'root')];
  prepareOverlayFolders({ upper, work, target }, PROBE_ID_BASE);
  await mountOverlay({ lower, upper, work, target });
  try {
    writeFileSync(join(target, 'written'), 'x');
  } finally {
    unmount(target);
  }
}

async function tryOverlay({ folder }: Scratch): Promise<string> {
  const own = join(folder, 'overlay');
  mkdirSync(join(own, 'lower'), { recursive: true });
  await tryWriting(own, join(own, 'lower'));
  return 'An overlay can be mounted and written.';
}

async function tryIdMap({ folder }: Scratch): Promise<string> {
  const own = join(folder, 'idmap');
  const [source, target] = [join(own, 'source'), join(own, 'mapped')];
  for (const path of [source, target]) mkdirSync(path, { recursive: true });
  await bindMountIdMapped({ source, target, idBase: PROBE_ID_BASE, idCount: 65536 });
  try {
    await tryWriting(own, target);
  } finally {
    unmount(target);
  }
  return 'A tree can be shown with other owners, and an overlay laid over it.';
}

async function tryNetworkNamespace({ name, runner }: Scratch): Promise<string> {
  await createNetworkNamespace(name, runner);
  await deleteNetworkNamespace(name, runner);
  return 'A network namespace can be made.';
}

async function tryVeth({ name, runner }: Scratch): Promise<string> {
  const hostName = `planetlab${process.pid % 100_000}`;
  await createNetworkNamespace(name, runner);
  try {
    const inside: [string, ...string[]] = [
      ...inNamespace(name),
      'ip',
      'link',
      'add',
      hostName,
      'type',
      'veth',
      'peer',
      'name',
      'eth0',
    ];
    await runner.run({ argv: inside });
  } finally {
    await deleteNetworkNamespace(name, runner);
  }
  return 'A pair of virtual Ethernet links can be made.';
}

async function tryNftables({ name, runner }: Scratch): Promise<string> {
  const table = `table ip planetlab_probe {
    chain nat { type nat hook postrouting priority 100; ip saddr 192.0.2.1 masquerade; }
    chain filter { type filter hook forward priority 0; ct state new limit rate over 10/second drop; }
  }\n`;
  await createNetworkNamespace(name, runner); // so that a host's own rules are never touched
  try {
    const nft: [string, ...string[]] = [...inNamespace(name), 'nft', '-f', '-'];
    await runner.run({ argv: nft, input: table });
  } finally {
    await deleteNetworkNamespace(name, runner);
  }
  return 'Rules for address translation and limits can be loaded.';
}

function tryTun(): string {
  closeSync(openTun({ name: `planetlab${process.pid % 100_000}` }));
  return 'A TUN link can be made.';
}

function tryCgroups(): string {
  const layout = cgroupLayout(readCgroupHierarchies());
  if (layout === 'none') throw new Error('No cgroup file system is mounted');
  return `The layout is ${layout}.`;
}

async function tryRuntime({ runner }: Scratch): Promise<string> {
  const versions = await Promise.allSettled(
    ['crun', 'runc'].map((program) => firstLine(runner, [program, '--version'])),
  );
  const found = versions.filter((result) => result.status === 'fulfilled').map((result) => result.value);
  if (found.length === 0) throw new Error('Neither crun nor runc is installed');
  return `Found ${found.join(' and ')}.`;
}

async function tryInit({ runner }: Scratch): Promise<string> {
  return `Found ${await firstLine(runner, ['catatonit', '--version'])}.`;
}

async function tryNetem({ name, runner }: Scratch): Promise<string> {
  await createNetworkNamespace(name, runner);
  try {
    const add: [string, ...string[]] = [
      ...inNamespace(name),
      'tc',
      'qdisc',
      'add',
      'dev',
      'lo',
      'root',
      'netem',
      'delay',
      '1ms',
    ];
    await runner.run({ argv: add });
  } finally {
    await deleteNetworkNamespace(name, runner);
  }
  return 'The kernel can delay packets.';
}

function tryKvm(): string {
  accessSync('/dev/kvm', constants.R_OK | constants.W_OK);
  return '/dev/kvm can be opened; whether a guest runs under it shows only when one is started.';
}

async function firstLine(runner: CommandRunner, argv: [string, ...string[]]): Promise<string> {
  const { stdout } = await runner.run({ argv });
  return stdout.split('\n')[0]?.trim() ?? '';
}
