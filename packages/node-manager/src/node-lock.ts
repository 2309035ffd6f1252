import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { isAlive, processStartTime } from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';
import { readOptional } from './files.ts';

/**
 * Makes sure that one state folder has one manager. The lock of a manager that was killed is taken over: it names a
 * process by pid and start time, so that a later process with the same pid is not taken for it.
 */
export function takeNodeLock(path: string): Disposable {
  const own = `${process.pid} ${processStartTime(process.pid) ?? 0}`;
  for (let tries = 0; tries < 3; tries++) {
    if (tryCreate(path, own)) return { [Symbol.dispose]: () => rmSync(path, { force: true }) };
    const owner = lockOwner(path);
    if (owner !== undefined) {
      throw new PlanetLabError(
        'conflict',
        `Another node manager (process ${owner}) runs with this state folder. Stop it first.`,
      );
    }
    rmSync(path, { force: true });
  }
  throw new PlanetLabError('conflict', `The lock ${path} cannot be taken: other node managers keep taking it.`);
}

/** Pid of the manager that holds the lock and is alive. */
export function lockOwner(path: string): number | undefined {
  const [pid, startTime] = (readOptional(path) ?? '').split(' ').map(Number);
  return pid !== undefined && pid > 0 && isAlive(pid, startTime) ? pid : undefined;
}

function tryCreate(path: string, content: string): boolean {
  try {
    const fd = openSync(path, 'wx', 0o600);
    writeSync(fd, content);
    closeSync(fd);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
