import { closeSync } from 'node:fs';
import { HangingCallError } from './aside.ts';
import { beginningOf, createMemoryFile } from './memory-file.ts';
import { spawnProcess } from './spawn.ts';

/** Removes trees that others have written, who may have made them as deep and as wide as they could. */
export interface TreeRemover {
  /**
   * Resolves when nothing is at `path` any more. Throws HangingCallError when that takes longer than `timeoutMs`: the
   * removal goes on, as it may be under way to the bottom of a deep tree, and whoever asks again waits for the same one.
   */
  remove(path: string, timeoutMs: number): Promise<void>;
}

/** `rm` descends with a few descriptors, however deep a tree is, and takes this process neither time nor memory. */
export const REMOVING = ['rm', '-rf', '--'] as const;

export function createTreeRemover(removing: readonly [string, ...string[]] = REMOVING): TreeRemover {
  const going = new Map<string, Promise<void>>();
  const removalOf = (path: string) => {
    const removal = going.get(path) ?? runToEnd([...removing, path]).finally(() => going.delete(path));
    going.set(path, removal);
    return removal;
  };
  return {
    async remove(path, timeoutMs) {
      const { promise: late, resolve: expire } = Promise.withResolvers<'late'>();
      const timer = setTimeout(() => expire('late'), timeoutMs);
      const removal = removalOf(path);
      removal.catch(() => {}); // nobody may be waiting for it any more
      try {
        if ((await Promise.race([removal, late])) === 'late')
          throw new HangingCallError(`${path} is large, and is still being removed after ${timeoutMs} ms`);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}

/** Not by a runner of commands: those are ended when their time is over. */
async function runToEnd(argv: readonly [string, ...string[]]): Promise<void> {
  const errors = createMemoryFile('errors');
  try {
    const code = await spawnProcess({ argv, stdio: [null, null, errors], env: process.env }).exited;
    if (code !== 0) throw new Error(`${argv.join(' ')} exited with ${code}: ${beginningOf(errors).slice(0, 500)}`);
  } finally {
    closeSync(errors);
  }
}
