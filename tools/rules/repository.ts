import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSource, type Source } from './source.ts';

const IGNORED_FOLDERS = new Set(['node_modules', 'dist', 'coverage', '.git', '.cache']);
const TEXT =
  /\.(tsx?|m?js|json|md|sh|sql|css|html|txt|ya?ml|conf|nft)$|(^|\/)(\.npmrc|\.gitignore|LICENSE|\.ci\/[^/]+)$/;

/** The repository as the rules see it. */
export interface Repository {
  /** Text of every text file, by path from the root. */
  readonly texts: ReadonlyMap<string, string>;
  /** Every TypeScript file, parsed. */
  readonly sources: readonly Source[];
  readonly root: RootManifest;
  readonly workspaces: readonly Workspace[];
}

export interface RootManifest {
  readonly dependencies: readonly string[];
  readonly devDependencies: readonly string[];
  readonly optionalDependencies: readonly string[];
}

/** A package of ours: a folder with a package.json. */
export interface Workspace {
  readonly folder: string;
  readonly name: string;
  readonly description: string | undefined;
  /** What others may import: `.` or `./sub`. */
  readonly exports: readonly string[];
  readonly ownDependencies: readonly string[];
}

/** Reads the working tree below `root`; links are not followed. */
export function readRepository(root: string): Repository {
  const texts = new Map<string, string>();
  const walk = (folder: string): void => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory() && !IGNORED_FOLDERS.has(entry.name)) walk(path);
      if (entry.isFile() && TEXT.test(path)) texts.set(path, readFileSync(join(root, path), 'utf8'));
    }
  };
  walk('');
  return repositoryOf(texts);
}

export function repositoryOf(texts: ReadonlyMap<string, string>): Repository {
  const sources = [...texts].filter(([path]) => /\.tsx?$/.test(path)).map(([path, text]) => parseSource(path, text));
  const workspaces = [...texts]
    .filter(([path]) => /^(packages|apps|services)\/[^/]+\/package\.json$/.test(path))
    .map(([path, text]) => workspaceOf(path.slice(0, -'/package.json'.length), text));
  const manifest = record(JSON.parse(texts.get('package.json') ?? '{}'));
  const names = (key: string) => Object.keys(record(manifest[key]));
  const root = {
    dependencies: names('dependencies'),
    devDependencies: names('devDependencies'),
    optionalDependencies: names('optionalDependencies'),
  };
  return { texts, sources, root, workspaces };
}

function workspaceOf(folder: string, text: string): Workspace {
  const manifest = record(JSON.parse(text));
  const { name, description } = manifest;
  return {
    folder,
    name: typeof name === 'string' ? name : folder,
    description: typeof description === 'string' && description.trim() !== '' ? description : undefined,
    exports: Object.keys(record(manifest['exports'])),
    ownDependencies: [
      ...Object.keys(record(manifest['dependencies'])),
      ...Object.keys(record(manifest['devDependencies'])),
    ],
  };
}

function record(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? { ...value } : {};
}

/**
 * The unit a file belongs to: a package's folder (`packages/model`), or the top folder (`tests`, `tools`, `bench`).
 * A file at the root is a unit by itself, called `.`.
 */
export function unitOf(path: string): string {
  const parts = path.split('/');
  if (parts.length === 1) return '.';
  return /^(packages|apps|services)$/.test(parts[0] ?? '') && parts.length > 2
    ? parts.slice(0, 2).join('/')
    : (parts[0] ?? '');
}
