import { closeSync, fdatasyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SliverTags, SshKeys } from '@planetlab/contract';
import type { Lease } from '@planetlab/credentials';
import { messageOf, SliceName } from '@planetlab/model';
import { z } from 'zod';
import { isNoRoom, readOptional, renameWhole, syncFolder, writeFileAtomic } from '../files.ts';
import type { Logger } from '../logger.ts';
import { takeOldFiles } from './old-lease-files.ts';
import type { LeaseEntry } from './store.ts';

/**
 * Beside the database one file with the leases that hold: each as signed, and what the node needs besides to take up its
 * sliver again. With a lost or damaged database running slivers are known again from it alone. It grows at its end, a line
 * for each change, so that many leases are one write; when most of it is over it is written anew.
 */
export interface LeaseJournal {
  /** All or nothing, durable when it returns. What it returns takes it back, as long as nothing else was written. */
  write(entries: readonly LeaseEntry[]): () => void;
  remove(slices: readonly SliceName[]): void;
  close(): void;
}

const Held = z.strictObject({
  token: z.string(),
  imageDigest: z.string().regex(/^[0-9a-f]{64}$/),
  index: z.number().int().nonnegative(),
  keys: SshKeys,
  /** Absent while its programs have been told none, and in lines of managers up to 2026-11. */
  tags: SliverTags.exactOptional(),
});
/** What holds for a slice from here on; null: nothing any more. */
const Line = z.strictObject({ slice: SliceName, held: Held.nullable() });
/** As much of it as says which lines are over. */
const Head = z.looseObject({ slice: z.string(), held: z.unknown() });

type Warn = Pick<Logger, 'warn'>;

/** Longer than twice what holds by this much, it is written anew. */
const SPARE_BYTES = 256 * 1024;

const pathIn = (folder: string): string => join(folder, 'journal.jsonl');

/** The leases that hold and that this node signed; a line that cannot be read is named in the log and left out. */
export function readLeaseJournal(
  folder: string,
  readToken: (token: string) => Lease,
  logger: Warn,
): readonly LeaseEntry[] {
  const text = readOptional(pathIn(folder)) ?? '';
  return heldLines(text, logger).flatMap((line) => {
    try {
      const { slice, held } = Line.parse(JSON.parse(line));
      if (held === null) return [];
      const lease = readToken(held.token);
      if (lease.slice !== slice) throw new Error(`it is a lease of ${lease.slice}`);
      return { lease, ...held };
    } catch (error) {
      return damaged(logger, error);
    }
  });
}

/** @param syncNames Makes the names in a folder durable; tests have it fail. */
export function openLeaseJournal(folder: string, syncNames = syncFolder): LeaseJournal {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const path = pathIn(folder);
  if (readOptional(path) === undefined) writeFileAtomic(path, '');
  takeOldFiles(folder, (held) => {
    const lines = [...held].map(([slice, each]) => lineOf(slice, each));
    writeFileAtomic(path, wholeLines(readOptional(path) ?? '') + lines.join(''));
  });
  return new FileJournal(path, syncNames);
}

class FileJournal implements LeaseJournal {
  readonly #path: string;
  readonly #syncNames: (folder: string) => void;
  /** It was written anew, and a failure of the machine might still bring the one before back. */
  #isRenamed = false;
  #open: ReturnType<typeof openAtEnd>;

  constructor(path: string, syncNames: (folder: string) => void) {
    this.#path = path;
    this.#syncNames = syncNames;
    this.#open = openAtEnd(path);
  }

  write(entries: readonly LeaseEntry[]): () => void {
    const before = this.#append(
      entries.map(({ lease, token, imageDigest, index, keys, tags }) =>
        lineOf(lease.slice, { token, imageDigest, index, keys, ...(hasAny(tags) ? { tags } : {}) }),
      ),
    );
    return () => this.#cutTo(before);
  }

  remove(slices: readonly SliceName[]): void {
    this.#append(slices.map((slice) => lineOf(slice, null)));
  }

  close(): void {
    closeSync(this.#open.file);
  }

  /** The size before. */
  #append(lines: readonly string[]): number {
    if (this.#open.sizeBytes > this.#open.renewedAtBytes) this.#renew();
    if (this.#isRenamed) this.#syncNames(dirname(this.#path));
    this.#isRenamed = false;
    const { file, sizeBytes } = this.#open;
    if (lines.length === 0) return sizeBytes;
    const bytes = Buffer.from(lines.join(''));
    try {
      writeFileSync(file, bytes); // all of it, or a failure
      fdatasyncSync(file);
    } catch (error) {
      this.#cutTo(sizeBytes);
      throw error;
    }
    this.#open.sizeBytes += bytes.length;
    return sizeBytes;
  }

  #cutTo(sizeBytes: number): void {
    ftruncateSync(this.#open.file, sizeBytes);
    fdatasyncSync(this.#open.file);
    this.#open.sizeBytes = sizeBytes;
  }

  #renew(): void {
    try {
      renameWhole(this.#path, [...heldLines(readOptional(this.#path) ?? ''), ''].join('\n'));
    } catch (error) {
      if (isNoRoom(error)) return; // the long one goes on
      throw error;
    }
    this.#isRenamed = true;
    closeSync(this.#open.file);
    this.#open = openAtEnd(this.#path);
  }
}

/**
 * An end without a line break is what a crash has left of a line that nobody was told of: it goes. Where it begins is
 * counted in bytes as they are, for damaged ones would be others, and more, as text.
 */
function openAtEnd(path: string) {
  const bytes = readFileSync(path);
  const heldBytes = heldLines(bytes.toString()).reduce((sum, line) => sum + line.length, 0);
  const sizeBytes = bytes.lastIndexOf('\n') + 1;
  const file = openSync(path, 'a', 0o600);
  if (sizeBytes < bytes.length) ftruncateSync(file, sizeBytes);
  return { file, sizeBytes, renewedAtBytes: 2 * heldBytes + SPARE_BYTES };
}

const hasAny = (tags: LeaseEntry['tags']): boolean => tags !== undefined && Object.keys(tags).length > 0;

const lineOf = (slice: string, held: unknown): string => `${JSON.stringify({ slice, held })}\n`;

const wholeLines = (text: string): string => text.slice(0, text.lastIndexOf('\n') + 1);

/** The last line of each slice that has a lease. */
function heldLines(text: string, logger: Warn = { warn() {} }): readonly string[] {
  const lines = new Map<string, string>();
  for (const line of wholeLines(text).split('\n').slice(0, -1)) {
    try {
      const { slice, held } = Head.parse(JSON.parse(line));
      if (held === null) lines.delete(slice);
      else lines.set(slice, line);
    } catch (error) {
      damaged(logger, error);
    }
  }
  return [...lines.values()];
}

function damaged(logger: Warn, error: unknown): [] {
  logger.warn({ reason: messageOf(error) }, 'a line in the journal of leases is damaged');
  return [];
}
