import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** A folder for one process, which is removed at the end of its use. */
export interface Scratch extends Disposable {
  readonly path: string;
}

/** Makes one below the cache. Its name says whose it is, so that a later run finds what a kill leaves. */
export function makeScratch(cache: string): Scratch {
  mkdirSync(cache, { recursive: true });
  const path = mkdtempSync(join(cache, `run-${process.pid}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

/** Removes the folders of processes that are gone. */
export function removeScratchLeftovers(cache: string): void {
  mkdirSync(cache, { recursive: true });
  for (const name of readdirSync(cache)) {
    const pid = /^run-(\d+)-/.exec(name)?.[1];
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
