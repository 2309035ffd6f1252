import { chmodSync, closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import { dirname } from 'node:path';

/** Whether a thrown value says that there is no room: on the disk, or by a quota, for which Node has no name. */
export const isNoRoom = (error: unknown): boolean =>
  error instanceof Error &&
  'errno' in error &&
  [constants.errno.ENOSPC, constants.errno.EDQUOT].some((errno) => error.errno === -errno);

/** Replaces a file so that after a crash either the old or the new content is there, whole. A failure leaves the old one. */
export function writeFileAtomic(path: string, content: string, mode = 0o600): void {
  renameWhole(path, content, mode);
  syncFolder(dirname(path));
}

/** The same, but until its folder is synced a failure of the machine may bring the old one back. */
export function renameWhole(path: string, content: string, mode = 0o600): void {
  const temporary = `${path}.new`;
  try {
    writeSynced(temporary, content, mode);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeSynced(temporary: string, content: string, mode: number): void {
  const fd = openSync(temporary, 'w', mode);
  try {
    writeFileSync(fd, content); // all of it, or a failure: a single write may stop half-way on a full disk
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The same, but what a failure of the machine leaves of it is only certain when `makeDurable` has ended. */
export function replaceFile(path: string, content: string, mode = 0o600): void {
  writeFileSync(`${path}.new`, content, { mode });
  renameSync(`${path}.new`, path);
}

/** Replaces a file that everybody may read, and its folder list, whatever this process leaves out of modes. */
export function replaceReadable(path: string, content: string): void {
  writeFileSync(`${path}.new`, content);
  chmodSync(`${path}.new`, 0o644);
  chmodSync(dirname(path), 0o755);
  renameSync(`${path}.new`, path);
}

/** Makes a file and its name durable while other work goes on. */
export async function makeDurable(path: string): Promise<void> {
  for (const each of [path, dirname(path)]) {
    await using file = await open(each, 'r');
    await file.sync();
  }
}

/** Makes the names in a folder durable. */
export function syncFolder(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The text of a file, or undefined when there is none. */
export function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined;
    throw error;
  }
}
