import { fileLockOwner, tryLockFile } from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';

/** Makes sure that one process at a time works with a state folder: its manager, or who changes it without one. */
export function takeNodeLock(path: string): Disposable {
  for (;;) {
    const lock = tryLockFile(path);
    if (lock !== undefined) return lock;
    const owner = lockOwner(path);
    if (owner === undefined) continue; // it has just ended
    throw new PlanetLabError(
      'conflict',
      `Process ${owner} has this state folder: a node manager, or a pl-node that changes something. Stop it first, or wait for its end.`,
    );
  }
}

/** Process that has the lock. */
export const lockOwner = (path: string): number | undefined => fileLockOwner(path);
