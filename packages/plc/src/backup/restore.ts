import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PlanetLabError } from '@planetlab/model';
import { AUTHORITY_FILES } from '../authority/authority.ts';
import { writeSecretFile } from '../authority/state-files.ts';
import { type Manifest, openBackup } from './backup.ts';
import type { OpenWith } from './backup-key.ts';
import { openEmpty } from './database-at-rest.ts';
import { fill, readThrough } from './postgres-programs.ts';

export interface RestoreOptions {
  readonly state: string;
  readonly keys?: string | undefined;
  readonly databaseUrl?: string | undefined;
  readonly from: string;
  readonly openWith: OpenWith;
}

/**
 * Makes an authority from a backup where there is none. The backup is read to its end before anything is made; the
 * database comes as a whole or not at all. Throws `already_exists`, `malformed_request`, `internal`.
 */
export async function restorePlc(options: RestoreOptions): Promise<Manifest> {
  const state = resolve(options.state);
  const folder = resolve(options.keys ?? options.state);
  const checked = await openBackup(options.from, options.openWith);
  await readThrough(checked.archive);
  requireNoOther(folder, checked.manifest);
  mkdirSync(state, { recursive: true, mode: 0o711 });
  mkdirSync(folder, { recursive: true, mode: 0o711 });
  await using database = await openEmpty(state, options.databaseUrl);
  const { manifest, archive } = await openBackup(options.from, options.openWith);
  // The keys first: should this be cut off here, the next attempt finds the same ones and goes on.
  for (const name of AUTHORITY_FILES) {
    if (!existsSync(join(folder, name))) writeSecretFile(join(folder, name), manifest.files[name]);
  }
  await fill(database.address, archive);
  database.keep();
  return manifest;
}

function requireNoOther(folder: string, { files }: Manifest): void {
  const other = AUTHORITY_FILES.filter((name) => {
    const file = join(folder, name);
    return existsSync(file) && readFileSync(file, 'utf8') !== files[name];
  });
  if (other.length === 0) return;
  throw new PlanetLabError(
    'already_exists',
    `${folder} has keys of another authority (${other.join(', ')}). Nothing was changed.`,
  );
}
