import { describe, expect, it } from 'vitest';
import { asMachineId, type MachineSpec } from '../vmm.ts';
import { cpuShares, type HostFacts, ociConfig, ociProcess } from './oci-config.ts';

const HOST: HostFacts = {
  initPath: '/usr/bin/catatonit',
  cgroupParent: 'planetlab-node1',
  architecture: 'x64',
  openFilesLimit: 20_000,
  limitsSwap: false,
  boundsBelow: false,
  countsSocketsApart: true,
};
const SPEC: MachineSpec = {
  id: asMachineId('princeton_codeen'),
  hostname: 'node1',
  rootPath: '/srv/root',
  idBase: 1_000_000,
  idCount: 65_536,
  limits: { cpuShares: 2, memoryMiB: 256, processes: 512 },
};

describe('the configuration of a machine', () => {
  const { linux, process, mounts, root } = ociConfig(SPEC, HOST);

  it('maps its ids to a range of their own', () => {
    const map = [{ containerID: 0, hostID: 1_000_000, size: 65_536 }];
    expect([linux.uidMappings, linux.gidMappings]).toEqual([map, map]);
    expect(root).toEqual({ path: '/srv/root' });
  });

  it('gives it every namespace of its own', () => {
    const types = linux.namespaces.map(({ type }) => type).sort();
    expect(types).toEqual(['cgroup', 'ipc', 'mount', 'network', 'pid', 'user', 'uts']);
  });

  it('limits it within its cgroup', () => {
    expect(linux.cgroupsPath).toBe('/planetlab-node1/princeton_codeen');
    expect(linux.resources).toMatchObject({ cpu: { shares: 2048 }, memory: { limit: 2 ** 28 }, pids: { limit: 512 } });
    expect(linux.resources.memory).not.toHaveProperty('swap');
    const unified = { ...HOST, limitsSwap: true, countsSocketsApart: false };
    expect(ociConfig(SPEC, unified).linux.resources.memory).toEqual({ limit: 2 ** 28, swap: 2 ** 28 });
    const withSwap = ociConfig(SPEC, { ...HOST, limitsSwap: true }).linux.resources.memory;
    expect(withSwap, 'cgroup v1').toMatchObject({ limit: 2 ** 28, swap: 2 ** 28 });
    expect(linux.resources.memory, 'sockets, which cgroup v1 counts apart').toHaveProperty('kernelTCP', 2 ** 28);
  });

  it('lets root inside make no cgroups where its own is given to it', () => {
    expect(linux.resources, 'cgroup v1 knows no such files').not.toHaveProperty('unified');
    const { resources } = ociConfig(SPEC, { ...HOST, boundsBelow: true }).linux;
    expect(resources).toHaveProperty('unified', { 'cgroup.max.descendants': '0' });
  });

  it('leaves out the capabilities over what belongs to the whole host', () => {
    for (const name of [
      'SYS_MODULE',
      'SYS_RAWIO',
      'SYS_BOOT',
      'SYS_TIME',
      'SYSLOG',
      'BPF',
      'PERFMON',
      'SYS_RESOURCE',
    ]) {
      expect(process.capabilities.bounding).not.toContain(`CAP_${name}`);
    }
    expect(process.capabilities.bounding).toEqual(expect.arrayContaining(['CAP_SYS_ADMIN', 'CAP_NET_RAW']));
  });

  it('denies the system calls through which a kernel is replaced or spied on', () => {
    expect(linux.seccomp.defaultAction).toBe('SCMP_ACT_ALLOW');
    expect(linux.seccomp.syscalls[0]?.names).toEqual(
      expect.arrayContaining(['bpf', 'kexec_load', 'init_module', 'keyctl', 'userfaultfd', 'open_by_handle_at']),
    );
    expect(ociConfig(SPEC, { ...HOST, architecture: 'arm64' }).linux.seccomp.architectures).toContain(
      'SCMP_ARCH_AARCH64',
    );
  });

  it('hides what tells of the whole host, and shows read-only what would change it', () => {
    expect(linux.maskedPaths).toEqual(
      expect.arrayContaining(['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware']),
    );
    expect(linux.readonlyPaths).toEqual(['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sysrq-trigger']);
  });

  it('shows nothing of the host but two files, and those read-only', () => {
    const withResolver = ociConfig({ ...SPEC, resolvConfPath: '/etc/resolv.conf' }, HOST).mounts;
    const binds = withResolver.filter(({ type }) => type === 'bind');
    expect(binds.map(({ destination }) => destination)).toEqual(['/.planetlab/init', '/etc/resolv.conf']);
    for (const { options } of binds) expect(options).toContain('ro');
    expect(mounts.filter(({ type }) => type === 'bind')).toHaveLength(1);
  });

  it('lets no crash in it reach the host’s own handler of crashes', () => {
    expect(process.rlimits).toContainEqual({ type: 'RLIMIT_CORE', soft: 1, hard: 1 });
  });

  it('never asks for more open files than may be given', () => {
    expect(process.rlimits).toContainEqual({ type: 'RLIMIT_NOFILE', soft: 1024, hard: 20_000 });
    expect(ociConfig(SPEC, { ...HOST, openFilesLimit: 512 }).process.rlimits[0]).toMatchObject({
      soft: 512,
      hard: 512,
    });
  });
});

describe('the process of a program', () => {
  it('has its arguments, variables and folder as they are', () => {
    const spec = { argv: ['-x', 'a b'], env: { A: 'b=c', PATH: '/opt' }, workingDirectory: '/tmp' };
    const process = ociProcess(spec, HOST);
    expect(process).toMatchObject({ args: ['-x', 'a b'], cwd: '/tmp', terminal: false });
    expect(process.env).toEqual(['PATH=/opt', 'HOME=/root', 'A=b=c']);
  });

  it('has a terminal of the size that was asked for', () => {
    const process = ociProcess({ argv: ['sh'], terminal: { rows: 24, columns: 80 } }, HOST);
    expect(process).toMatchObject({ terminal: true, consoleSize: { height: 24, width: 80 } });
    expect(process.env).toContain('TERM=xterm-256color');
  });
});

describe('CPU weights', () => {
  it('are the kernel’s, within its range', () => {
    expect([0.0001, 1, 3, 1000].map(cpuShares)).toEqual([2, 1024, 3072, 262_144]);
  });
});
