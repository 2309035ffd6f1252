import { readFileSync, readlinkSync } from 'node:fs';
import { listPids, processStartTime, signal, waitForEnd } from '@planetlab/linux';
import type { NodeNames } from '../paths.ts';

const PATIENCE_MS = 5_000;

/**
 * Programs that a killed manager had started go on without it, and could make something while it is being cleaned up.
 * Those that change machines or links end within milliseconds; the rest is ended.
 */
export async function waitForOrphans(names: NodeNames): Promise<void> {
  await Promise.all(
    listPids().map(async (pid) => {
      if (!changesMachines(argumentsOf(pid), names) || isInside(pid)) return;
      const startTime = processStartTime(pid);
      if (startTime === undefined || (await waitForEnd(pid, startTime, PATIENCE_MS))) return;
      signal(pid, 'SIGKILL');
      await waitForEnd(pid, startTime, PATIENCE_MS);
    }),
  );
}

const CHANGING = new Set(['create', 'start', 'delete', 'kill', 'pause', 'resume', 'update']);

/** A call of the runtime on this node's machines; not one of somebody's program in them. */
const changesMachines = (argv: readonly string[], names: NodeNames): boolean =>
  argv.includes(names.runtimeRoot) && argv.some((word) => CHANGING.has(word)) && !argv.includes('exec');

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
