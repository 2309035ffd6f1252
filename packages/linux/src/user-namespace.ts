import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, readlinkSync, writeFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';

export interface IdRange {
  readonly idBase: number;
  readonly idCount: number;
}

const DEADLINE_MS = 5_000;

/**
 * A descriptor of a user namespace in which ids 0 … `idCount`-1 are the host's `idBase` …; the caller closes it.
 * Nothing runs in it: an idmapped mount only reads its map. It takes one short-lived process, because a namespace can
 * be mapped only from outside and only while somebody is in it.
 */
export async function openMappedUserNamespace({ idBase, idCount }: IdRange): Promise<number> {
  const child = spawn('unshare', ['--user', 'cat'], { stdio: ['pipe', 'ignore', 'pipe'] });
  child.stdin.on('error', () => {}); // the child may be gone before its input is closed; `exited` tells
  const words = text(child.stderr); // why there is none, if so
  const exited = once(child, 'exit');
  exited.catch(() => {}); // a failed spawn is reported by the line below
  try {
    await once(child, 'spawn');
    const folder = `/proc/${child.pid}`;
    await untilUnshared(`${folder}/ns/user`).catch(async (error: unknown) => {
      child.kill('SIGKILL');
      throw new Error((await words).trim() || messageOf(error), { cause: error });
    });
    const map = `0 ${idBase} ${idCount}`;
    writeFileSync(`${folder}/uid_map`, map);
    writeFileSync(`${folder}/gid_map`, map);
    return openSync(`${folder}/ns/user`, 'r');
  } finally {
    if (child.pid !== undefined) {
      child.kill('SIGKILL');
      await exited;
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function untilUnshared(path: string): Promise<void> {
  const own = readlinkSync('/proc/self/ns/user');
  const deadline = performance.now() + DEADLINE_MS;
  while (readlinkSync(path) === own) {
    if (performance.now() > deadline) throw new Error(`no user namespace was made within ${DEADLINE_MS} ms`);
    await nextTurn();
  }
}
