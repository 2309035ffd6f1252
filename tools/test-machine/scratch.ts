import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** Begins the name of a run's folder, before the pid of its process. */
export const SCRATCH_PREFIX = 'run-';

/** Removes the folders of runs whose process is gone, and half-made disks. */
export function removeScratchLeftovers(cache: string): void {
  for (const name of readdirSync(cache)) {
    const pid = new RegExp(`^${SCRATCH_PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) rmSync(join(cache, name), { recursive: true, force: true });
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
