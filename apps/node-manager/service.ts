import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, systemRunner } from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';
import { managerPid } from '@planetlab/node-manager';

const UNIT = 'planetlab-node.service';
const STATE_OF_SERVICE = '/var/lib/planetlab/node';
const CONFIGURATION = '/etc/planetlab/node.json';
const INIT_SCRIPT = '/etc/init.d/planetlab-node';
const END_DEADLINE_MS = 30_000;

type Service = 'systemd' | 'init-script' | undefined;

/** What runs the manager of this state folder on this machine, if the package's service does. */
export function serviceOf(stateDir: string): Service {
  if (stateDir !== STATE_OF_SERVICE || !existsSync(INIT_SCRIPT)) return undefined;
  return existsSync('/run/systemd/system') ? 'systemd' : 'init-script';
}

/** Where the words of the manager go. */
export function logCommand(stateDir: string): string | undefined {
  const service = serviceOf(stateDir);
  if (service === undefined) return undefined;
  return service === 'systemd' ? `journalctl -u ${UNIT} -f` : 'tail -f /var/log/planetlab-node.log';
}

/** A node that left took the way to its configuration with it; the next one to join finds it again. */
export function linkConfiguration(stateDir: string): void {
  const link = join(stateDir, 'config.json');
  if (existsSync(link) || !existsSync(CONFIGURATION)) return;
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  symlinkSync(CONFIGURATION, link);
}

export async function startService(service: Exclude<Service, undefined>): Promise<void> {
  if (service === 'systemd') await systemRunner.run({ argv: ['systemctl', 'enable', '--now', UNIT] });
  else await systemRunner.run({ argv: [INIT_SCRIPT, 'start'] });
}

/** `until-started`: by a person, or with the machine. `for-good`: nothing starts it any more before the next join. */
export type StopKind = 'until-started' | 'for-good';

/** How the manager is stopped by what runs it. A unit that is disabled comes back neither at boot nor with its package. */
export function stopCommand(service: Exclude<Service, undefined>, kind: StopKind): readonly [string, ...string[]] {
  if (service === 'init-script') return [INIT_SCRIPT, 'stop'];
  return kind === 'for-good' ? ['systemctl', 'disable', '--now', UNIT] : ['systemctl', 'stop', UNIT];
}

/** Ends the manager of this state folder; slivers go on. No effect when none runs. */
export async function stopManager(stateDir: string, kind: StopKind): Promise<void> {
  const service = serviceOf(stateDir);
  if (service !== undefined) await systemRunner.run({ argv: stopCommand(service, kind) });
  const pid = managerPid(stateDir);
  if (pid === undefined) return;
  terminate(pid);
  const deadline = performance.now() + END_DEADLINE_MS;
  while (managerPid(stateDir) !== undefined) {
    if (performance.now() > deadline) {
      throw new PlanetLabError('timed_out', `The node manager (process ${pid}) does not end. Kill it, then try again.`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function terminate(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (!isErrno(error, 'ESRCH')) throw error;
  }
}
