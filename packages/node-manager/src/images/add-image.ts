import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeImage } from '@planetlab/contract';
import { type CommandRunner, fileLockOwner, systemRunner, tryLockFile } from '@planetlab/linux';
import { type ImageName, PlanetLabError, toInstant } from '@planetlab/model';
import { syncFolder } from '../files.ts';
import { createImageStore } from './image-store.ts';

const MIB = 1024 * 1024;
/** The source of what a person has brought. */
export const IMPORTED = 'import';

export interface AddImageOptions {
  readonly folder: string;
  readonly names: readonly ImageName[];
  /** Makes the tree in an empty folder. */
  readonly make: (root: string) => Promise<void>;
  /** What the tree is made from: the same source twice is the same image. */
  readonly source: string;
  readonly now: () => number;
  readonly runner?: CommandRunner;
}

const SYNC_TIMEOUT_MS = 10 * 60_000;

/**
 * Makes a tree beside the others, moves it to its place in one go, and only then names it. It is durable by then: a name
 * never stands for a tree that a failure of the machine has left without what its files say.
 */
export async function addImage(options: AddImageOptions): Promise<readonly NodeImage[]> {
  const { folder, names, make, source, now, runner = systemRunner } = options;
  const work = join(folder, 'work', `${process.pid}-${now()}`);
  const root = join(work, 'root');
  mkdirSync(root, { recursive: true, mode: 0o755 });
  try {
    await make(root);
    const { digest, bytes } = describeTree(root, source);
    await runner.run({ argv: ['sync', '-f', root], timeoutMs: SYNC_TIMEOUT_MS }); // all of its file system, at once
    const trees = join(folder, 'rootfs');
    mkdirSync(trees, { recursive: true });
    const target = join(trees, digest);
    if (!existsSync(target)) renameSync(root, target);
    syncFolder(trees);
    const store = createImageStore(folder);
    const image = { digest, sizeMiB: Math.ceil(bytes / MIB), importedAt: toInstant(now()) };
    for (const name of names) store.tag(name, image, source);
    return names.map((name) => ({ name, ...image }));
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** A digest over every path with its kind, owner, mode, time and what is in it, and the bytes that its files take. */
function describeTree(root: string, source: string): { digest: string; bytes: number } {
  const hash = createHash('sha256').update(source);
  let bytes = 0;
  const pending = [''];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const full = join(root, path);
    const stat = lstatSync(full);
    bytes += stat.isFile() ? stat.size / stat.nlink : 0;
    // Sizes and times are not enough: a rebuilt image may have all of them the same.
    const inside = stat.isFile() ? digestOf(full) : stat.isSymbolicLink() ? readlinkSync(full) : stat.rdev;
    hash.update(`${path}\0${stat.mode}\0${stat.uid}\0${stat.gid}\0${stat.mtimeMs}\0${inside}\n`);
    if (stat.isDirectory()) for (const name of readdirSync(full).sort()) pending.push(`${path}/${name}`);
  }
  return { digest: hash.digest('hex'), bytes };
}

/** Of a file's content, however large it is. */
function digestOf(path: string): string {
  const hash = createHash('sha256');
  const fd = openSync(path, 'r');
  try {
    for (;;) {
      const read = readSync(fd, PIECE);
      if (read === 0) return hash.digest('hex');
      hash.update(PIECE.subarray(0, read));
    }
  } finally {
    closeSync(fd);
  }
}

const PIECE = Buffer.alloc(MIB);

const LOCK_POLL_MS = 200;
const LOCK_PATIENCE_MS = 10 * 60_000;

/** Runs `work` while no other process works on this store. The kernel lets the lock go with its process, however that ends. */
export async function withImageLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, 'lock');
  using _lock = await takeLock(path);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true }); // while it is ours; a program of before would wait for the end of a file that stays
  }
}

async function takeLock(path: string): Promise<Disposable> {
  const deadline = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    const lock = tryLockFile(path);
    if (lock !== undefined) return lock;
    if (performance.now() > deadline) {
      const owner = fileLockOwner(path);
      const who = owner === undefined ? 'Another process' : `Process ${owner}`;
      throw new PlanetLabError(
        'timed_out',
        `${who} has been working on these images for 10 minutes, and has ${path} locked. Try again later.`,
      );
    }
    await delay(LOCK_POLL_MS);
  }
}
