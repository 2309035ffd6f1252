import { readFileSync } from 'node:fs';
import { messageOf, type SliceName } from '@planetlab/model';
import { asMachineId, type Vmm } from '@planetlab/vmm';
import type { Logger } from '../logger.ts';
import { Rounds } from '../rounds.ts';
import type { SliverDirectory } from '../slivers/directory.ts';
import type { NodeStore } from '../store/store.ts';

export interface MemoryReading {
  readonly totalMiB: number;
  readonly availableMiB: number;
}

export interface MemoryWatchOptions {
  readonly store: Pick<NodeStore, 'liveLeases' | 'logSteps' | 'notices'>;
  readonly directory: Pick<SliverDirectory, 'status' | 'notify'>;
  readonly vmm: Pick<Vmm, 'stats' | 'stop'>;
  readonly logger: Logger;
  readonly now: () => number;
  /** Asks for a sliver to be looked at: its machine was ended. */
  readonly trigger: (slice: SliceName) => void;
  /** Memory of the whole machine; undefined where it cannot be read, and then there is nothing to decide by. */
  readonly read?: () => MemoryReading | undefined;
  /** How many programs the kernel has ended for want of memory, anywhere on the machine; undefined where it does not count them. */
  readonly killsOfAll?: () => number | undefined;
  readonly periodMs?: number;
}

/** From here on the largest offender is reset, as it was on the original. */
const PRESSURE = 0.9;
const PERIOD_MS = 10_000;
const MIB_IN_KIB = 1024;

interface MemoryUse {
  readonly slice: SliceName;
  readonly usedMiB: number;
  readonly limitMiB: number;
  readonly kills: number;
}

/**
 * Tells people when a sliver has met its memory limit and lost a program by it, and resets the largest offender when the
 * whole machine runs short. The limits themselves are the kernel's: nothing here is needed for them to hold.
 */
export class MemoryWatch implements AsyncDisposable {
  readonly #options: MemoryWatchOptions;
  readonly #kills = new Map<SliceName, number>();
  readonly #rounds: Rounds;
  /** Of the whole machine, when all slivers were last asked: while it stays the same, none has lost a program. */
  #killsOfAll: number | undefined;

  constructor(options: MemoryWatchOptions) {
    this.#options = options;
    for (const { slice, counted } of options.store.notices()) if (counted !== null) this.#kills.set(slice, counted);
    const unread = (error: unknown) => options.logger.warn({ reason: messageOf(error) }, 'memory could not be read');
    this.#rounds = new Rounds(options.periodMs ?? PERIOD_MS, () => this.#look().catch(unread));
  }

  /** One round; never rejects. */
  look(): Promise<void> {
    return this.#rounds.now();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#rounds[Symbol.asyncDispose]();
  }

  async #look(): Promise<void> {
    const { store, read = readMeminfo, killsOfAll = readKillsOfAll } = this.#options;
    const leased = new Set(store.liveLeases().map(({ lease }) => lease.slice));
    for (const slice of this.#kills.keys()) if (!leased.has(slice)) this.#kills.delete(slice);
    const killed = killsOfAll();
    const reading = read();
    const isShort = reading !== undefined && reading.availableMiB < reading.totalMiB * (1 - PRESSURE);
    if (!isShort && killed !== undefined && killed === this.#killsOfAll) return;
    const { uses, complete } = await this.#uses();
    for (const use of uses) this.#checkKills(use);
    this.#killsOfAll = complete ? killed : undefined;
    if (!isShort) return;
    const offender = largestOffender(uses);
    if (offender !== undefined) await this.#reset(offender, reading);
  }

  /** Of the slivers that run; not `complete` when one is to be asked again, because it was just then starting or ending. */
  async #uses(): Promise<{ readonly uses: readonly MemoryUse[]; readonly complete: boolean }> {
    const { store, directory, vmm } = this.#options;
    const uses: MemoryUse[] = [];
    let complete = true;
    for (const { lease } of store.liveLeases()) {
      const state = directory.status(lease.slice)?.state ?? 'starting';
      if (state === 'starting') complete = false;
      if (state !== 'running') continue;
      const stats = await vmm.stats(asMachineId(lease.slice)).catch(() => undefined); // it has just ended
      complete &&= stats !== undefined;
      if (stats === undefined) continue;
      const { memoryMiB: usedMiB, memoryKills: kills } = stats;
      uses.push({ slice: lease.slice, usedMiB, limitMiB: lease.resources.memoryMiB, kills });
    }
    return { uses, complete };
  }

  #checkKills({ slice, kills, limitMiB }: MemoryUse): void {
    const before = this.#kills.get(slice) ?? 0;
    this.#kills.set(slice, kills);
    const more = kills < before ? kills : kills - before; // a machine that was started again counts anew
    if (more <= 0) return;
    const programs = more === 1 ? 'A program was' : `${more} programs were`;
    this.#tell(
      slice,
      'memory_limit',
      `${programs} ended because the sliver reached its memory limit of ${limitMiB} MiB.`,
      kills,
    );
  }

  async #reset({ slice, usedMiB, limitMiB }: MemoryUse, { totalMiB, availableMiB }: MemoryReading): Promise<void> {
    const usedPercent = Math.round(100 * (1 - availableMiB / totalMiB));
    await this.#options.vmm.stop(asMachineId(slice), { graceMs: 0 });
    this.#options.trigger(slice);
    this.#tell(
      slice,
      'memory_pressure',
      `The sliver was reset: ${usedPercent} % of the node's memory was in use, and it used more of it than any other (${Math.round(usedMiB)} of its ${limitMiB} MiB).`,
    );
  }

  #tell(slice: SliceName, code: 'memory_limit' | 'memory_pressure', message: string, counted?: number): void {
    const { directory, store, now, logger } = this.#options;
    logger.warn({ slice, reason: { code, message } }, 'a sliver is short of memory');
    const step = code === 'memory_limit' ? 'MemoryLimitReached' : 'ResetForMemory';
    try {
      directory.notify(slice, { code, message }, counted);
      store.logSteps([{ atMs: now(), slice, step, outcome: 'done', durationMs: 0, message }]);
    } catch (error) {
      // a full disk must not keep the machine from what it needs: its watchers were told
      logger.error({ slice, reason: messageOf(error) }, 'that a sliver is short of memory could not be written down');
    }
  }
}

/** The largest (FACTS, as on the original): one that is close to a small limit would give little back. */
const largestOffender = (uses: readonly MemoryUse[]): MemoryUse | undefined =>
  uses.toSorted((a, b) => b.usedMiB - a.usedMiB)[0];

/** From `/proc/meminfo`. */
function readMeminfo(): MemoryReading | undefined {
  try {
    return parseMeminfo(readFileSync('/proc/meminfo', 'utf8'));
  } catch {
    return undefined; // not Linux: only a simulation runs there
  }
}

/** From `/proc/vmstat`. */
function readKillsOfAll(): number | undefined {
  try {
    return parseKills(readFileSync('/proc/vmstat', 'utf8'));
  } catch {
    return undefined; // not Linux, as above
  }
}

export function parseKills(text: string): number | undefined {
  const digits = /^oom_kill (\d+)$/m.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

export function parseMeminfo(text: string): MemoryReading | undefined {
  const mib = (key: string) => Number(new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1]) / MIB_IN_KIB;
  const reading = { totalMiB: mib('MemTotal'), availableMiB: mib('MemAvailable') };
  return Number.isNaN(reading.totalMiB + reading.availableMiB) ? undefined : reading;
}
