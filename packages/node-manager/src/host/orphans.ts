import { readFileSync, readlinkSync } from 'node:fs';
import { listPids, processStartTime, REMOVING, signal, waitForEnd } from '@planetlab/linux';

/** By what a program is known that an earlier manager of this node has started. */
export interface OrphanMarks {
  /** Every call of the runtime names it. */
  readonly runtimeRoot: string;
  /** Folder with the volumes of slivers. */
  readonly slivers: string;
}

const PATIENCE_MS = 5_000;

/**
 * Programs that a killed manager had started go on without it, and could make something while it is being cleaned up.
 * Those that change machines or links end within milliseconds; the rest is ended. The removal of a large volume is
 * then begun again: left to itself, it might meet a later one of the same name.
 */
export async function waitForOrphans(marks: OrphanMarks): Promise<void> {
  await Promise.all(
    listPids().map(async (pid) => {
      if (!isOrphan(argumentsOf(pid), marks) || isInside(pid)) return;
      const startTime = processStartTime(pid);
      if (startTime === undefined || (await waitForEnd(pid, startTime, PATIENCE_MS))) return;
      signal(pid, 'SIGKILL');
      await waitForEnd(pid, startTime, PATIENCE_MS);
    }),
  );
}

/** Whether it is a call that changes machines or volumes of this node. */
export const isOrphan = (argv: readonly string[], marks: OrphanMarks): boolean =>
  changesMachines(argv, marks) || removesVolume(argv, marks);

const removesVolume = (argv: readonly string[], { slivers }: OrphanMarks): boolean =>
  REMOVING.every((word, place) => argv[place] === word) && `${argv[REMOVING.length]}/`.startsWith(`${slivers}/`);

const CHANGING = new Set(['create', 'start', 'delete', 'kill', 'pause', 'resume', 'update']);

/** A call of the runtime on this node's machines; not one of somebody's program in them. */
const changesMachines = (argv: readonly string[], { runtimeRoot }: OrphanMarks): boolean =>
  argv.includes(runtimeRoot) && argv.some((word) => CHANGING.has(word)) && !argv.includes('exec');

function argumentsOf(pid: number): readonly string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
  } catch {
    return []; // it has ended
  }
}

/** A machine that is made but not started is still the runtime's program, in its own user namespace: not an orphan. */
function isInside(pid: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/user`) !== readlinkSync('/proc/self/ns/user');
  } catch {
    return true; // it has ended
  }
}
