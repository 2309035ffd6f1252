import type { ExecSpec } from '../exec.ts';
import type { MachineLimits, MachineSpec } from '../vmm.ts';
import { CAPABILITIES, MASKED_PATHS, READ_ONLY_PATHS, seccompProfile } from './confinement.ts';

/** What of the host goes into a machine's configuration. */
export interface HostFacts {
  /** Absolute path of the program that becomes process 1: it only waits, and collects orphans. Statically linked. */
  readonly initPath: string;
  /** cgroup below which each machine has its own, without a leading slash. */
  readonly cgroupParent: string;
  readonly architecture: NodeJS.Architecture;
  /** Most open files that this process may allow others; a runtime without CAP_SYS_RESOURCE cannot give more. */
  readonly openFilesLimit: number;
  /** Whether the kernel can bound a cgroup's swap: always in the unified layout, in v1 where it counts swap. */
  readonly limitsSwap: boolean;
  /** Whether runtimes give a machine's cgroup to root inside (cgroup v2), so that others below it must be ruled out. */
  readonly boundsBelow: boolean;
  /** Whether the kernel counts the buffers of sockets apart (cgroup v1), and only when they have a limit. */
  readonly countsSocketsApart: boolean;
}

export const INIT_IN_MACHINE = '/.planetlab/init';
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const MIB = 1024 * 1024;

/** The OCI runtime configuration (`config.json`) of a machine. */
export const ociConfig = (spec: MachineSpec, host: HostFacts) => ({
  ociVersion: '1.0.2',
  process: {
    ...processBasics(host),
    terminal: false,
    args: [INIT_IN_MACHINE, '-P'],
    env: [`PATH=${PATH}`],
    cwd: '/',
  },
  root: { path: spec.rootPath },
  hostname: spec.hostname,
  mounts: mounts(spec, host),
  linux: {
    namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'user', 'cgroup'].map((type) => ({ type })),
    uidMappings: [{ containerID: 0, hostID: spec.idBase, size: spec.idCount }],
    gidMappings: [{ containerID: 0, hostID: spec.idBase, size: spec.idCount }],
    cgroupsPath: `/${host.cgroupParent}/${spec.id}`,
    resources: resources(spec.limits, host),
    seccomp: seccompProfile(host.architecture),
    maskedPaths: MASKED_PATHS,
    readonlyPaths: READ_ONLY_PATHS,
  },
});

/** The `process` that the runtime's exec reads: a file, so that neither arguments nor variables are in any process list. */
export const ociProcess = (exec: ExecSpec, host: HostFacts) => ({
  ...processBasics(host),
  terminal: exec.terminal !== undefined,
  ...(exec.terminal === undefined ? {} : { consoleSize: { height: exec.terminal.rows, width: exec.terminal.columns } }),
  args: exec.argv,
  env: Object.entries({
    PATH,
    HOME: '/root',
    ...(exec.terminal === undefined ? {} : { TERM: 'xterm-256color' }),
    ...exec.env,
  }).map(([name, value]) => `${name}=${value}`),
  cwd: exec.workingDirectory ?? '/',
});

/** Weight 1 is the kernel's ordinary one; beyond its range the nearest possible counts. */
export const cpuShares = (weight: number): number => Math.min(262_144, Math.max(2, Math.round(1024 * weight)));

/**
 * None below a machine's own, as on v1: made by root inside, they could be such that nobody can tell what runs in them, and
 * so many that going through them takes for ever. The runtime writes it before anything of the machine's runs.
 */
export const MOST_CGROUPS_BELOW = { file: 'cgroup.max.descendants', value: '0' };

export const memoryBytes = (limits: MachineLimits): number => limits.memoryMiB * MIB;

const resources = (limits: MachineLimits, host: HostFacts) => ({
  cpu: { shares: cpuShares(limits.cpuShares) },
  memory: {
    limit: memoryBytes(limits),
    ...(host.limitsSwap ? { swap: memoryBytes(limits) } : {}), // limit and swap together: none of it is swap
    ...(host.countsSocketsApart ? { kernelTCP: memoryBytes(limits) } : {}),
  },
  pids: { limit: limits.processes },
  ...(host.boundsBelow ? { unified: { [MOST_CGROUPS_BELOW.file]: MOST_CGROUPS_BELOW.value } } : {}),
  // A user namespace can make no device nodes anyway. The runtime adds the harmless ones, such as /dev/null.
  devices: [{ allow: false, access: 'rwm' }],
});

/** Not 0: for the kernel only 1 rules out both a file and the host's own handler of crashes, which runs as root. */
const CORE_LIMIT = { type: 'RLIMIT_CORE', soft: 1, hard: 1 };

const processBasics = (host: HostFacts) => ({
  user: { uid: 0, gid: 0 },
  capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
  rlimits: [
    { type: 'RLIMIT_NOFILE', soft: Math.min(1024, host.openFilesLimit), hard: host.openFilesLimit },
    CORE_LIMIT,
    // counted for all machines together: none may use up what is there
    { type: 'RLIMIT_SIGPENDING', soft: 1024, hard: 1024 },
  ],
  noNewPrivileges: false, // sudo and ping are set-uid programs
});

const mounts = (spec: MachineSpec, host: HostFacts) => [
  mount('/proc', 'proc', ['nosuid', 'noexec', 'nodev']),
  mount('/dev', 'tmpfs', ['nosuid', 'mode=755', 'size=1024k']),
  mount('/dev/pts', 'devpts', ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5']),
  mount('/dev/shm', 'tmpfs', ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k']),
  mount('/dev/mqueue', 'mqueue', ['nosuid', 'noexec', 'nodev']),
  mount('/sys', 'sysfs', ['nosuid', 'noexec', 'nodev', 'ro']),
  mount('/sys/fs/cgroup', 'cgroup', ['nosuid', 'noexec', 'nodev', 'relatime', 'ro']),
  fromHost(INIT_IN_MACHINE, host.initPath),
  ...(spec.resolvConfPath === undefined ? [] : [fromHost('/etc/resolv.conf', spec.resolvConfPath)]),
  ...(spec.shownFolders ?? []).map(({ inside, path }) => fromHost(inside, path, ['noexec'])),
];

const mount = (destination: string, type: string, options: readonly string[]) => ({
  destination,
  type,
  source: type,
  options,
});

const fromHost = (destination: string, source: string, more: readonly string[] = []) => ({
  destination,
  type: 'bind',
  source,
  options: ['bind', 'ro', 'nosuid', 'nodev', ...more],
});
