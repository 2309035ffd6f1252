import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readlinkSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const MIGRATIONS = 'packages/plc/src/store/migrations';
const OWN_PACKAGES = '@planetlab';

const git = (...args: string[]): string =>
  execFileSync('git', ['-C', ROOT, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

/**
 * The commit whose schema is the one before the newest. Undefined where the history does not reach so far, as in a
 * shallow clone or sources without git.
 */
export function commitBeforeNewestSchema(): string | undefined {
  try {
    const newest = readdirSync(join(ROOT, MIGRATIONS)).sort().at(-1);
    const added = git('log', '--diff-filter=A', '--format=%H', '-1', '--', `${MIGRATIONS}/${newest}`);
    return added === '' ? undefined : git('rev-parse', '--verify', '--quiet', `${added}^`);
  } catch {
    return undefined; // no git here, or not that commit
  }
}

/** Writes the sources of a commit into a new folder, with the packages that are installed here, and its own for ours. */
export function checkOut(commit: string, folder: string): void {
  mkdirSync(folder);
  const archive = execFileSync('git', ['-C', ROOT, 'archive', commit, 'apps', 'packages', 'package.json'], {
    maxBuffer: 256 * 1024 * 1024,
  });
  execFileSync('tar', ['-x', '-C', folder], { input: archive });
  const [here, there] = [join(ROOT, 'node_modules'), join(folder, 'node_modules')];
  mkdirSync(join(there, OWN_PACKAGES), { recursive: true });
  for (const name of readdirSync(here)) {
    if (name !== OWN_PACKAGES) symlinkSync(join(here, name), join(there, name));
  }
  for (const name of readdirSync(join(here, OWN_PACKAGES)))
    symlinkSync(readlinkSync(join(here, OWN_PACKAGES, name)), join(there, OWN_PACKAGES, name));
}
