import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import {
  type CommandRunner,
  enableQuotas,
  mayGrowVolumes,
  mountOverlay,
  prepareOverlayFolders,
  tryVolumeImage,
  unmount,
} from '@planetlab/linux';
import { messageOf, PlanetLabError } from '@planetlab/model';
import { isNoRoom } from '../files.ts';
import { type Bound, btrfsBound, type DiskBound, loopBound, noBound, projectBound } from './disk-bounds.ts';

export interface ChosenBound {
  readonly bound: Bound;
  /** One sentence for people: what it is and why. */
  readonly reason: string;
}

export interface ChooseOptions {
  /** Folder in which volumes are made. */
  readonly folder: string;
  /** What the owner wants; `auto` takes the best that works. */
  readonly wanted: 'auto' | DiskBound;
  readonly runner: CommandRunner;
  readonly mountTimeoutMs?: number | undefined;
}

const GROWTH = 'They cannot grow while in use: this process lacks CAP_SYS_RESOURCE.';
const REASONS: Readonly<Record<Exclude<DiskBound, 'none'>, string>> = {
  'project-quota': 'Project quota: the file system counts what each sliver writes.',
  'btrfs-quota': 'Quota of btrfs: each sliver has a subvolume with a limit.',
  loop: `Loop files: each sliver has a file system of its own.${mayGrowVolumes() ? '' : ` ${GROWTH}`}`,
};

/** Chooses by trying: a bound is one that stops whoever writes past it. One that the owner wants and that fails is said. */
export async function chooseBound(options: ChooseOptions): Promise<ChosenBound> {
  const { wanted } = options;
  if (wanted === 'none')
    return { bound: noBound, reason: 'The owner has chosen none in config.json: slivers may fill the disk.' };
  const bounds = [projectBound(), btrfsBound(), loopBound(options.runner, options.mountTimeoutMs)];
  const failures: string[] = [];
  for (const bound of bounds.filter(({ kind }) => wanted === 'auto' || wanted === kind)) {
    try {
      await tryBound(bound, options);
      return { bound, reason: REASONS[bound.kind as keyof typeof REASONS] };
    } catch (error) {
      failures.push(`${bound.kind}: ${messageOf(error)}`);
    }
  }
  if (wanted !== 'auto')
    throw new PlanetLabError(
      'feature_missing',
      `The owner has chosen ${wanted} in config.json, and it does not work here: ${failures.join('; ')}`,
    );
  return { bound: noBound, reason: `None: slivers may fill the disk. ${failures.join('; ')}` };
}

async function tryBound(bound: Bound, { folder, wanted, runner, mountTimeoutMs }: ChooseOptions): Promise<void> {
  if (bound.kind === 'loop') return tryVolumeImage(runner); // the size of a file system is its bound
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (bound.kind === 'btrfs-quota' && wanted === bound.kind) enableQuotas(folder); // with `auto` only where its owner did
  const volume = join(folder, '.probe');
  removeProbe(volume); // of a manager that was killed while it probed
  try {
    mkdirSync(volume, { mode: 0o700 });
    const inside = await bound.prepare({ volume, mounts: volume }, PROBE_MIB, PROBE_PROJECT);
    await writePastLimit(volume, inside, mountTimeoutMs);
  } finally {
    removeProbe(volume);
  }
}

const PROBE_MIB = 16;
/** No sliver's: those are ids above 65,536. */
const PROBE_PROJECT = 65_535;
const CHUNK = Buffer.alloc(1024 * 1024, 1);

/** As a sliver writes: through an overlay, for which limits hold also where the manager itself may ignore them. */
async function writePastLimit(volume: string, inside: string, mountTimeoutMs: number | undefined): Promise<void> {
  const overlay = {
    ...{ lower: join(volume, 'lower'), target: join(volume, 'root') },
    ...{ upper: join(inside, 'upper'), work: join(inside, 'work') },
  };
  mkdirSync(overlay.lower);
  prepareOverlayFolders(overlay, 0);
  await mountOverlay(overlay, mountTimeoutMs);
  const fd = openSync(join(overlay.target, 'written'), 'w');
  try {
    for (let mib = 0; mib < 2 * PROBE_MIB; mib++) writeSync(fd, CHUNK);
  } catch (error) {
    if (isNoRoom(error)) return;
    throw error;
  } finally {
    closeSync(fd);
  }
  throw new Error(`${2 * PROBE_MIB} MiB could be written past a limit of ${PROBE_MIB} MiB`);
}

function removeProbe(volume: string): void {
  unmount(join(volume, 'root'));
  rmSync(volume, { recursive: true, force: true });
}
