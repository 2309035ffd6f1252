import { existsSync, globSync, mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Recipe, recipeKey } from './recipe.ts';
import { runProgram } from './run-program.ts';
import { makeScratch } from './scratch.ts';

/** The disk that a machine boots from, and what QEMU loads before it. Never written to: a machine writes beside it. */
export interface BaseDisk {
  readonly disk: string;
  readonly kernel: string;
  readonly initrd: string;
}

/** Where disks are made, and what ends that. */
export interface Making {
  /** Folder of what is made once. */
  readonly cache: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

const filesOf = (folder: string): BaseDisk => ({
  disk: join(folder, 'root.ext4'),
  kernel: join(folder, 'vmlinuz'),
  initrd: join(folder, 'initrd.img'),
});

/** The disk of a recipe: from the cache, or made now, which takes some minutes and the Debian archive. Needs root. */
export async function baseDisk(recipe: Recipe, { cache, say, signal }: Making): Promise<BaseDisk> {
  const folder = join(cache, `${recipe.suite}-${recipeKey(recipe)}`);
  if (existsSync(folder)) return filesOf(folder);
  say(`making the disk of a Debian ${recipe.suite} machine with ${recipe.packages.length} packages, once ...`);
  using scratch = makeScratch(cache);
  const root = join(scratch.path, 'root');
  await bootstrap(recipe, scratch.path, root, signal);
  const target = join(scratch.path, 'disk');
  mkdirSync(target);
  const { disk, kernel, initrd } = filesOf(target);
  await copyFile(only(`${root}/boot/vmlinuz-*`), kernel);
  await copyFile(only(`${root}/boot/initrd.img-*`), initrd);
  await makeDisk(root, disk, recipe.diskGiB, signal);
  renameSync(target, folder); // complete, or not there
  return filesOf(folder);
}

async function bootstrap(recipe: Recipe, scratch: string, root: string, signal: AbortSignal): Promise<void> {
  const files = join(scratch, 'files');
  for (const [path, text] of Object.entries(recipe.files)) {
    mkdirSync(dirname(join(files, path)), { recursive: true });
    writeFileSync(join(files, path), text);
  }
  const script = join(scratch, 'commands');
  writeFileSync(script, recipe.commands.join('\n'));
  const quiet = ['--quiet', '--mode=root', '--variant=minbase', '--aptopt=APT::Install-Recommends "false"'];
  const without = ['doc', 'man', 'locale'].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  await runProgram(
    [
      ...(['mmdebstrap', ...quiet, ...without, `--include=${recipe.packages.join(',')}`] as const),
      // PLC and tests start private ones
      '--essential-hook=mkdir -p "$1/etc/postgresql-common/createcluster.d"; echo "create_main_cluster = false" >"$1/etc/postgresql-common/createcluster.d/planetlab.conf"',
      `--customize-hook=cp -R '${files}/.' "$1/"`,
      `--customize-hook=chroot "$1" sh -eu <'${script}'`,
      ...[recipe.suite, root, recipe.mirror],
    ],
    { signal },
  );
}

/** A folder as a disk of ext4, with project quotas for those who turn them on. Sparse: it takes what is in it. */
export async function makeDisk(folder: string, disk: string, sizeGiB: number, signal: AbortSignal): Promise<void> {
  const features = ['-O', 'quota,project', '-E', 'quotatype=prjquota,lazy_itable_init=1'];
  await runProgram(['mkfs.ext4', '-q', '-F', ...features, '-d', folder, disk, `${sizeGiB}G`], { signal });
}

function only(pattern: string): string {
  const [path, ...more] = globSync(pattern);
  if (path === undefined || more.length > 0) throw new Error(`there should be one ${pattern}`);
  return path;
}
