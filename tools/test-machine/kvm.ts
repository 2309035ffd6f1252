import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

const PATIENCE_MS = 15_000;
const FIRST_WORDS = 'Linux version';

/** Whether a guest gets going under KVM. That /dev/kvm is there does not say so: in some virtual machines none does. */
export async function kvmWorks(kernel: string, signal: AbortSignal): Promise<boolean> {
  if (!existsSync('/dev/kvm')) return false;
  const args = [
    '-nodefaults',
    '-no-user-config',
    '-display',
    'none',
    '-machine',
    'q35',
    '-accel',
    'kvm',
    '-cpu',
    'host',
  ];
  const guest = ['-m', '512', '-nic', 'none', '-kernel', kernel, '-append', 'console=ttyS0', '-serial', 'stdio'];
  const qemu = spawn('qemu-system-x86_64', [...args, ...guest], { stdio: ['ignore', 'pipe', 'ignore'] });
  const exited = once(qemu, 'exit').catch(() => {}); // there is no QEMU: starting the machine says so
  const greeted = Promise.withResolvers<boolean>();
  let said = '';
  qemu.stdout.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-1000);
    if (said.includes(FIRST_WORDS)) greeted.resolve(true);
  });
  const patience = new AbortController();
  const late = delay(PATIENCE_MS, false, { signal: AbortSignal.any([patience.signal, signal]) }).catch(() => false);
  try {
    return await Promise.race([greeted.promise, exited.then(() => false), late]);
  } finally {
    patience.abort();
    qemu.kill('SIGKILL');
    await exited;
  }
}
