/**
 * What holds root inside a machine down, besides its own user namespace and limits. All of it is data for the runtime.
 */

/**
 * Capabilities of root inside. They count only within the machine's own user namespace, over things that belong to it:
 * its ids, its network, its mounts. Given is what a Linux machine's administrator uses there; SYS_ADMIN is among them
 * because mounting a tmpfs, making namespaces and running containers inside (requirement N15) need it. Left out is what
 * the kernel grants only in the first user namespace anyway (modules, time, raw devices, boot, system log, audit
 * control, MAC) and what opens large, young parts of the kernel (BPF, PERFMON, CHECKPOINT_RESTORE).
 */
export const CAPABILITIES: readonly string[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_IPC_OWNER',
  'CAP_KILL',
  'CAP_LEASE',
  'CAP_MKNOD',
  'CAP_NET_ADMIN',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_ADMIN',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
];

/** System calls that no program of a machine has a use for, and through which kernels have been broken or spied on. */
const DENIED_SYSCALLS: readonly string[] = [
  // another kernel, or code in this one
  ...['kexec_load', 'kexec_file_load', 'init_module', 'finit_module', 'delete_module', 'create_module', 'bpf'],
  // keys are counted per host uid and are not part of any namespace we make
  ...['keyctl', 'add_key', 'request_key'],
  // see other processes or the kernel, or make races in it easy to win
  ...['perf_event_open', 'userfaultfd', 'lookup_dcookie', 'syslog'],
  // opens files past every mount
  'open_by_handle_at',
  // asynchronous calls that this filter would not see
  ...['io_uring_setup', 'io_uring_enter', 'io_uring_register'],
  // of the whole host
  ...['reboot', 'swapon', 'swapoff', 'acct', 'quotactl', 'settimeofday', 'stime', 'clock_settime', 'clock_settime64'],
  ...['iopl', 'ioperm', 'vm86', 'vm86old', 'modify_ldt', 'nfsservctl', 'uselib', '_sysctl'],
];

const EPERM = 1;
const AF_ALG = 38;
const AF_VSOCK = 40;
const SCMP_CMP_EQ = 'SCMP_CMP_EQ';

/** Socket families: the kernel's cryptography (often broken into), and the host's hypervisor (in no namespace). */
const deniedSockets = [AF_ALG, AF_VSOCK].map((family) => ({
  names: ['socket', 'socketpair'],
  action: 'SCMP_ACT_ERRNO',
  errnoRet: EPERM,
  args: [{ index: 0, value: family, op: SCMP_CMP_EQ }],
}));

/** A list of what is denied: a machine runs any Linux program, those that use calls younger than this file included. */
export const seccompProfile = (architecture: NodeJS.Architecture) => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  architectures:
    architecture === 'arm64'
      ? ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM']
      : ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  syscalls: [{ names: DENIED_SYSCALLS, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM }, ...deniedSockets],
});

/** Not shown: they tell of the whole host. */
export const MASKED_PATHS: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/key-users',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
];

/** Shown, but not to be written. /proc/sys is not among them: what of it is writable inside belongs to the machine. */
export const READ_ONLY_PATHS: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sysrq-trigger'];
