import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { isErrno } from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';
import { INIT_IN_MACHINE } from './oci-config.ts';

const DEADLINE_MS = 5_000;
const RETRY_MS = 1;

/**
 * Waits until the first process of a started machine is its init. The runtime's `start` comes back a moment earlier, when
 * that process is still the runtime's own, which the kernel lets nobody join: an exec in that moment fails with EPERM.
 * One that has ended meanwhile is not waited for; the machine's status says so.
 */
export async function untilInitRuns(pid: number): Promise<void> {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const program = programOf(pid);
    if (program === undefined || program === INIT_IN_MACHINE) return;
    if (performance.now() > deadline) {
      throw new PlanetLabError(
        'step_failed',
        `The first process of the machine did not start within ${DEADLINE_MS} ms.`,
      );
    }
    await delay(RETRY_MS);
  }
}

function programOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')[0];
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}
