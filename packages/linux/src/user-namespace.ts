import { closeSync, openSync, readlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { beginningOf, createMemoryFile } from './memory-file.ts';
import { createPipe } from './pipes.ts';
import { type SpawnedProcess, spawnProcess } from './spawn.ts';

export interface IdRange {
  readonly idBase: number;
  readonly idCount: number;
}

const DEADLINE_MS = 5_000;
const POLL_MS = 1;

/**
 * A descriptor of a user namespace in which ids 0 … `idCount`-1 are the host's `idBase` …; the caller closes it.
 * Nothing runs in it: an idmapped mount only reads its map. It takes one short-lived process, because a namespace can
 * be mapped only from outside and only while somebody is in it.
 */
export async function openMappedUserNamespace({ idBase, idCount }: IdRange): Promise<number> {
  const input = createPipe(); // the child stays for as long as nothing comes
  const words = createMemoryFile('errors'); // why there is none, if so
  let child: SpawnedProcess | undefined;
  try {
    child = spawnProcess({ argv: ['unshare', '--user', 'cat'], stdio: [input.readFd, null, words], env: process.env });
    const folder = `/proc/${child.pid}`;
    await untilUnshared(`${folder}/ns/user`).catch((error: unknown) => {
      throw new Error(beginningOf(words).trim() || messageOf(error), { cause: error });
    });
    const map = `0 ${idBase} ${idCount}`;
    writeFileSync(`${folder}/uid_map`, map);
    writeFileSync(`${folder}/gid_map`, map);
    return openSync(`${folder}/ns/user`, 'r');
  } finally {
    child?.kill();
    for (const fd of [input.readFd, input.writeFd, words]) closeSync(fd);
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

async function untilUnshared(path: string): Promise<void> {
  const own = readlinkSync('/proc/self/ns/user');
  const deadline = performance.now() + DEADLINE_MS;
  while (readlinkSync(path) === own) {
    if (performance.now() > deadline) throw new Error(`no user namespace was made within ${DEADLINE_MS} ms`);
    await delay(POLL_MS); // and leaves the processor to it
  }
}
