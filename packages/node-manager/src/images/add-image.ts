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
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { NodeImage } from '@planetlab/contract';
import { isAlive } from '@planetlab/linux';
import { type ImageName, PlanetLabError, toInstant } from '@planetlab/model';
import { readOptional } from '../files.ts';
import { createImageStore } from './image-store.ts';

const MIB = 1024 * 1024;

export interface AddImageOptions {
  readonly folder: string;
  readonly names: readonly ImageName[];
  /** Makes the tree in an empty folder. */
  readonly make: (root: string) => Promise<void>;
  /** What the tree is made from: the same source twice is the same image. */
  readonly source: string;
  readonly now: () => number;
}

/** Makes a tree beside the others, moves it to its place in one go, and only then names it. */
export async function addImage({ folder, names, make, source, now }: AddImageOptions): Promise<readonly NodeImage[]> {
  const work = join(folder, 'work', `${process.pid}-${now()}`);
  const root = join(work, 'root');
  mkdirSync(root, { recursive: true, mode: 0o755 });
  try {
    await make(root);
    const { digest, bytes } = describeTree(root, source);
    mkdirSync(join(folder, 'rootfs'), { recursive: true });
    const target = join(folder, 'rootfs', digest);
    if (!existsSync(target)) renameSync(root, target);
    const store = createImageStore(folder);
    const image = { digest, sizeMiB: Math.ceil(bytes / MIB), importedAt: toInstant(now()) };
    for (const name of names) store.tag(name, image);
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

/** Runs `work` while no other process works on this store. A lock whose owner has ended is taken over. */
export async function withImageLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  mkdirSync(folder, { recursive: true });
  const lock = join(folder, 'lock');
  await takeLock(lock);
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

async function takeLock(lock: string): Promise<void> {
  const deadline = performance.now() + LOCK_PATIENCE_MS;
  for (;;) {
    if (tryLock(lock)) return;
    const owner = Number(readOptional(lock));
    if (owner > 0 && !isAlive(owner)) rmSync(lock, { force: true });
    if (performance.now() > deadline) {
      throw new PlanetLabError(
        'timed_out',
        `Another process (${owner}) has been working on these images for 10 minutes. Try again later.`,
      );
    }
    await delay(LOCK_POLL_MS);
  }
}

function tryLock(lock: string): boolean {
  try {
    const fd = openSync(lock, 'wx', 0o644);
    writeSync(fd, String(process.pid));
    closeSync(fd);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}
