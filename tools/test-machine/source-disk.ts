import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { cp } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Making, makeDisk } from './base-disk.ts';
import type { Project } from './part-sources.ts';
import { runProgram } from './run-program.ts';

/** What of a folder is the project's and not made from it. */
const MADE = new Set(['node_modules', '.git', 'dist', '.cache']);

const DISK_GIB = 6;
const IMAGES = '/var/lib/planetlab/images';
const IMAGE = 'debian-12';

/** The project's Debian packages. */
export type PackageName = 'node' | 'plc';

/** Two revisions of a package, so that one can be upgraded to the other. */
const REVISIONS = ['first', 'second'] as const;

/** Where a package lies on the disk, by revision: folders with one package each. */
export const packageFolders = (name: PackageName): readonly string[] =>
  REVISIONS.map((revision) => join('packages-built', name, revision));

/** The paths of all files of the project, sorted; in a clone those that git would show. */
const projectFiles = (root: string): readonly string[] =>
  execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
    .split('\0')
    .filter((path) => path !== '' && existsSync(join(root, path)) && statSync(join(root, path)).isFile())
    .sort();

/** The project as it is now: later changes to its files do not count for a run that has begun. */
export function projectNow(root: string): Project {
  const contents = new Map(projectFiles(root).map((path) => [path, readFileSync(join(root, path))]));
  return { paths: [...contents.keys()], read: (path) => contents.get(path) ?? '' };
}

/** The commit that is checked out, marked when files differ from it. */
export const commitNow = (root: string): string =>
  execFileSync('git', ['describe', '--always', '--dirty=+', '--exclude=*'], { cwd: root, encoding: 'utf8' }).trim();

export interface Sources {
  /** Of the repository. */
  readonly root: string;
  /** Folder for the disk. */
  readonly scratch: string;
  /** The Debian packages that are built for it, which takes a minute or two. */
  readonly packages: readonly PackageName[];
}

/**
 * A disk with the sources, the npm packages, Debian packages and the image that slivers start from: a machine
 * has no network. Needs root, because the files of an image belong to many.
 */
export async function sourceDisk({ root, scratch, packages }: Sources, making: Making): Promise<string> {
  const { signal, say } = making;
  const staging = join(scratch, 'sources');
  say('copying the sources and npm packages ...');
  await cp(root, staging, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => source === root || !MADE.has(basename(source)),
  });
  await runProgram(['cp', '-a', '--reflink=auto', join(root, 'node_modules'), staging], { signal });
  for (const name of packages) await buildPackages(name, root, staging, making);
  await copyImage(root, join(staging, 'images'), making);
  const disk = join(scratch, 'sources.ext4');
  await makeDisk(staging, disk, DISK_GIB, signal);
  rmSync(staging, { recursive: true });
  return disk;
}

async function buildPackages(name: PackageName, root: string, staging: string, making: Making): Promise<void> {
  making.say(`building the packages of ${name} ...`);
  for (const [index, folder] of packageFolders(name).entries()) {
    const revision = index === 0 ? [] : ['--revision', String(index + 1)];
    const argv = [process.execPath, `tools/package/${name}-package.ts`, '--out', join(staging, folder)] as const;
    await runProgram([...argv, ...revision], { cwd: root, signal: making.signal });
  }
}

/** A store with nothing but the image of slivers: a copy of this machine's, which has it already or gets it now. */
async function copyImage(root: string, target: string, { say, signal }: Making): Promise<void> {
  const tag = `${IMAGE}.json`;
  if (!existsSync(join(IMAGES, tag))) {
    say('building the image that slivers start from, once ...');
    const manager = join(root, 'apps/node-manager/main.ts');
    await runProgram([process.execPath, manager, 'image', 'build', IMAGE, '--images', IMAGES], { signal });
  }
  const { digest } = JSON.parse(readFileSync(join(IMAGES, tag), 'utf8'));
  mkdirSync(join(target, 'rootfs'), { recursive: true });
  copyFileSync(join(IMAGES, tag), join(target, tag));
  await runProgram(['cp', '-a', '--reflink=auto', join(IMAGES, 'rootfs', String(digest)), join(target, 'rootfs')], {
    signal,
  });
}
