import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { type AgentChannel, openAgentChannel } from './agent-channel.ts';
import type { BaseDisk } from './base-disk.ts';
import { AGENT_PORT } from './recipe.ts';

export interface Machine extends AsyncDisposable {
  readonly agent: AgentChannel;
  /** Unix socket of its console, on which root is logged in. */
  readonly console: string;
  /** How many times slower than here programs run in it, by its own clock: tests wait so much longer. */
  readonly slowness: number;
  /** Rejects when the machine ends by itself. */
  readonly ended: Promise<never>;
}

export interface MachineOptions {
  readonly base: BaseDisk;
  readonly sources: string;
  /** Folder for sockets and for what the machine writes; removed by the caller. */
  readonly scratch: string;
  /** Whether KVM runs it; else it is emulated. */
  readonly kvm: boolean;
  /** Where its console goes as well. */
  readonly consoleLog: string;
}

const MEMORY_MIB = 4096;
const SOCKET_WAIT_MS = 30_000;

const KVM = ['-accel', 'kvm', '-cpu', 'host'];
/**
 * Of the machine's time, not of ours: one instruction takes it a nanosecond, whatever it takes us. A busy machine outside
 * only makes it longer for us. Without cmpxchg16b, whose flags QEMU 7.2 confuses once in some hours: the kernel, which has
 * another way, panics then. See docs/decisions/0014-test-machine.md.
 */
const EMULATED = [
  ...['-accel', 'tcg,thread=single,tb-size=512', '-cpu', 'max,-cx16'],
  ...['-icount', 'shift=0,sleep=on', '-rtc', 'clock=vm'],
];
const EMULATED_SLOWNESS = 5;

const KERNEL_WORDS = 'root=/dev/vda rw console=ttyS0 mitigations=off nowatchdog net.ifnames=0 panic=1 quiet';

export function qemuArguments({ base, sources, scratch, kvm, consoleLog }: MachineOptions): readonly string[] {
  const disk = (id: string, file: string) => [
    ...['-drive', `file=${file},if=none,id=${id},format=raw,snapshot=on,cache=unsafe`],
    ...['-device', `virtio-blk-pci,drive=${id}`],
  ];
  const socket = (id: string) => `socket,id=${id},path=${join(scratch, `${id}.sock`)},server=on,wait=off`;
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-machine', 'q35', ...(kvm ? KVM : EMULATED)],
    ...['-smp', '2', '-m', String(MEMORY_MIB), '-nic', 'none'],
    ...['-kernel', base.kernel, '-initrd', base.initrd, '-append', KERNEL_WORDS],
    ...[...disk('root', base.disk), ...disk('sources', sources)],
    ...['-device', 'virtio-rng-pci', '-device', 'virtio-serial-pci'],
    ...['-chardev', socket('agent'), '-device', `virtserialport,chardev=agent,name=${AGENT_PORT}`],
    ...['-chardev', `${socket('console')},logfile=${consoleLog}`, '-serial', 'chardev:console'],
  ];
}

/** Starts a machine. It ends with this process, whatever ends that. */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  const { scratch, consoleLog } = options;
  const guard = ['-n', '10', 'setpriv', '--pdeathsig', 'KILL', 'qemu-system-x86_64'];
  const qemu = spawn('nice', [...guard, ...qemuArguments(options)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    detached: true, // Ctrl-C is for us: we end it
    env: { ...process.env, TMPDIR: scratch },
  });
  const ended = once(qemu, 'exit').then(([code, signal]) =>
    Promise.reject<never>(new Error(`the machine ended with ${code ?? signal}; its console is in ${consoleLog}`)),
  );
  ended.catch(() => {}); // it is ended by us as well
  try {
    const paths = ['agent', 'console'].map((name) => join(scratch, `${name}.sock`));
    await Promise.race([untilThere(paths), ended]);
    const [agentPath = '', consolePath = ''] = paths;
    const agent = openAgentChannel(connect(agentPath));
    const slowness = options.kvm ? 1 : EMULATED_SLOWNESS;
    return { agent, console: consolePath, slowness, ended, [Symbol.asyncDispose]: () => end(qemu) };
  } catch (error) {
    await end(qemu);
    throw error;
  }
}

async function untilThere(paths: readonly string[]): Promise<void> {
  const deadline = performance.now() + SOCKET_WAIT_MS;
  while (!paths.every((path) => existsSync(path))) {
    if (performance.now() > deadline) throw new Error('QEMU does not start');
    await delay(50);
  }
}

async function end(qemu: ChildProcess): Promise<void> {
  if (qemu.exitCode !== null || qemu.signalCode !== null) return;
  const exited = once(qemu, 'exit');
  qemu.kill('SIGKILL');
  await exited;
}
