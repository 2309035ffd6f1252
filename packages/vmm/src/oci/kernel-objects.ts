import type { CommandRunner } from '@planetlab/linux';

/**
 * What root inside may have of the kernel's own objects. Without a limit in the machine's user namespace only the host's
 * holds, and that counts the objects of all machines together, because root of the host made all those namespaces: one
 * machine could use up what the others, and the host, are allowed.
 */
export const KERNEL_OBJECT_LIMITS: Readonly<Record<string, number>> = {
  max_user_namespaces: 512,
  max_mnt_namespaces: 512,
  // each has tables of its own that are charged to nobody: of tracked flows, 64 MiB when they are full
  max_net_namespaces: 16,
  max_pid_namespaces: 512,
  max_ipc_namespaces: 512,
  max_uts_namespaces: 512,
  max_cgroup_namespaces: 512,
  max_time_namespaces: 512,
  max_inotify_instances: 256,
  max_inotify_watches: 65_536,
  max_fanotify_groups: 64,
  max_fanotify_marks: 16_384,
};

const SCRIPT = Object.entries(KERNEL_OBJECT_LIMITS)
  .map(([name, most]) => `[ ! -e /proc/sys/user/${name} ] || echo ${most} > /proc/sys/user/${name}`)
  .join('\n');

/** Sets them for the machine of process `pid`. From inside they cannot be raised: that takes CAP_SYS_RESOURCE. */
export async function limitKernelObjects(pid: number, runner: CommandRunner): Promise<void> {
  // settings of a user namespace are seen and set by who is in it: the host's /proc, opened from within
  await runner.run({ argv: ['nsenter', '--user', '--target', String(pid), '/bin/sh', '-e', '-c', SCRIPT] });
}
