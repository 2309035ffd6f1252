import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { PlanetLabError } from '@planetlab/model';

const DISTRIBUTION_FOLDER = '/usr/lib/postgresql';
const OLDEST_MAJOR = 15;

/**
 * The folder with `postgres` and `initdb`. A data folder is tied to one major version; without one the newest is taken.
 * Throws `feature_missing`.
 */
export function findPostgresBinaries(dataFolder: string): string {
  const wanted = majorOfData(dataFolder);
  const installed = installedMajors();
  const major = wanted ?? installed.find((candidate) => candidate >= OLDEST_MAJOR);
  if (major !== undefined && installed.includes(major)) return join(DISTRIBUTION_FOLDER, String(major), 'bin');
  const onPath = (process.env['PATH'] ?? '').split(delimiter).find((folder) => hasServer(folder));
  if (onPath !== undefined && installed.length === 0) return onPath; // a wrong version says so by itself when it starts
  throw new PlanetLabError(
    'feature_missing',
    wanted === undefined
      ? `PostgreSQL ${OLDEST_MAJOR} or newer is not installed. Install the package postgresql, or set DATABASE_URL to a server of yours.`
      : `The data in ${dataFolder} belong to PostgreSQL ${wanted}, which is not installed. Install postgresql-${wanted}, or move the data with pg_upgrade.`,
  );
}

function installedMajors(): number[] {
  if (!existsSync(DISTRIBUTION_FOLDER)) return [];
  return readdirSync(DISTRIBUTION_FOLDER)
    .filter((name) => /^\d+$/.test(name) && hasServer(join(DISTRIBUTION_FOLDER, name, 'bin')))
    .map(Number)
    .sort((a, b) => b - a);
}

const hasServer = (folder: string): boolean =>
  existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb'));

function majorOfData(dataFolder: string): number | undefined {
  const file = join(dataFolder, 'PG_VERSION');
  return existsSync(file) ? Number(readFileSync(file, 'utf8').trim()) : undefined;
}
