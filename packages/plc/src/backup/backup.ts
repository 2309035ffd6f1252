import { createReadStream, existsSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { PlanetLabError, toInstant } from '@planetlab/model';
import { z } from 'zod';
import { AUTHORITY_FILES } from '../authority/authority.ts';
import { PLC_VERSION } from '../version.ts';
import { backupKeyOf, newBackupKey, type OpenWith, type SealedKey, type SealWith } from './backup-key.ts';
import { openExisting } from './database-at-rest.ts';
import { dump, readThrough } from './postgres-programs.ts';
import { seal, unseal } from './sealed-stream.ts';

/** The first line inside: whose backup it is, and the keys. The archive of the database follows. */
const Manifest = z.strictObject({
  authority: z.string(),
  fingerprint: z.string(),
  version: z.string(),
  madeAt: z.string(),
  files: z.record(z.enum(AUTHORITY_FILES), z.string()),
});
export type Manifest = z.infer<typeof Manifest>;

export interface BackupOptions {
  readonly state: string;
  readonly keys?: string | undefined;
  readonly databaseUrl?: string | undefined;
  readonly to: string;
  readonly sealWith: SealWith;
  readonly nowMs?: () => number;
}

/**
 * Writes database and keys, as of one moment and sealed, into a file that must not exist; reads it again before it gets
 * its name. The PLC may run meanwhile. Throws `already_exists`, `conflict`, `internal`.
 */
export async function backupPlc(options: BackupOptions): Promise<Manifest> {
  const file = resolve(options.to);
  if (existsSync(file)) throw new PlanetLabError('already_exists', `${file} is there already; it stays as it is.`);
  await using database = await openExisting(resolve(options.state), options.databaseUrl);
  const manifest = await describe(options, database.authority);
  const sealedKey = newBackupKey(options.sealWith);
  const unfinished = `${file}.unfinished`;
  try {
    await write(unfinished, sealedKey, withManifest(manifest, dump(database.address)));
    const { archive } = await readSealed(unfinished, () => sealedKey.key);
    await readThrough(archive);
    renameSync(unfinished, file);
    await flush(dirname(file));
  } finally {
    rmSync(unfinished, { force: true });
  }
  return manifest;
}

async function describe(
  { state, keys, nowMs = Date.now }: BackupOptions,
  recorded: { readonly name: string; readonly fingerprint: string },
): Promise<Manifest> {
  const folder = resolve(keys ?? state);
  const missing = AUTHORITY_FILES.filter((name) => !existsSync(join(folder, name)));
  if (missing.length > 0) {
    throw new PlanetLabError(
      'conflict',
      `${folder} has not all of the authority's keys: ${missing.join(', ')} missing.`,
    );
  }
  const files = Object.fromEntries(AUTHORITY_FILES.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  const { name: authority, fingerprint } = recorded;
  return Manifest.parse({ authority, fingerprint, version: PLC_VERSION, madeAt: toInstant(nowMs()), files });
}

async function* withManifest(manifest: Manifest, archive: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield Buffer.from(`${JSON.stringify(manifest)}\n`);
  yield* archive;
}

async function write(file: string, { header, key }: SealedKey, plain: AsyncIterable<Buffer>): Promise<void> {
  await using handle = await open(file, 'wx', 0o600);
  await handle.writeFile(`${header}\n`);
  for await (const chunk of seal(key, plain)) await handle.writeFile(chunk);
  await handle.sync();
}

async function flush(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}

export interface OpenedBackup {
  readonly manifest: Manifest;
  /** To be read to its end: only then it is known to be whole. */
  readonly archive: AsyncIterable<Buffer>;
}

export const openBackup = (file: string, openWith: OpenWith): Promise<OpenedBackup> =>
  readSealed(file, (header) => backupKeyOf(header, openWith));

async function readSealed(file: string, keyOf: (header: string) => Buffer): Promise<OpenedBackup> {
  const raw = await firstLine(createReadStream(file));
  const inside = await firstLine(unseal(keyOf(raw.line), raw.rest));
  return { manifest: Manifest.parse(JSON.parse(inside.line)), archive: inside.rest };
}

const LINE_LIMIT_BYTES = 64 * 1024;

/** The first line of a stream, and what comes after it. Throws `malformed_request`. */
async function firstLine(source: AsyncIterable<Buffer>): Promise<{ line: string; rest: AsyncGenerator<Buffer> }> {
  const chunks = source[Symbol.asyncIterator]();
  let read = Buffer.alloc(0);
  while (!read.includes(0x0a)) {
    const next = await chunks.next();
    if (next.done === true || read.length > LINE_LIMIT_BYTES) {
      throw new PlanetLabError('malformed_request', 'This is not a backup of a PLC.');
    }
    read = Buffer.concat([read, next.value]);
  }
  const end = read.indexOf(0x0a);
  const after = read.subarray(end + 1);
  async function* rest(): AsyncGenerator<Buffer> {
    yield after;
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) yield next.value;
  }
  return { line: read.subarray(0, end).toString(), rest: rest() };
}
