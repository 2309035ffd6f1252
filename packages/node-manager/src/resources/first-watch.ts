import { messageOf, SECOND_MS, type SliceName } from '@planetlab/model';
import { asMachineId, type Vmm } from '@planetlab/vmm';
import type { Logger } from '../logger.ts';
import { Rounds } from '../rounds.ts';
import type { CpuPlan, Reserved } from './cpu-plan.ts';
import { goesFirst, usedPart } from './first-rule.ts';

export interface FirstWatchOptions {
  readonly plan: Pick<CpuPlan, 'reserved'>;
  readonly vmm: Pick<Vmm, 'turn' | 'putFirst' | 'putBack'>;
  readonly logger: Logger;
  /** Milliseconds since an arbitrary point, which nobody sets. */
  readonly monotonicMs?: () => number;
  readonly periodMs?: number;
}

const PERIOD_MS = SECOND_MS / 4;

interface Reading {
  readonly atMs: number;
  readonly cpuMs: number;
}

/**
 * Puts slivers that keep to their CPU reservation before all others, and back among them when they want more. Only how
 * soon they compute depends on it: how much is the kernel's matter, also when the manager is gone.
 */
export class FirstWatch implements AsyncDisposable {
  readonly #options: FirstWatchOptions;
  readonly #readings = new Map<SliceName, Reading>();
  readonly #rounds: Rounds;

  constructor(options: FirstWatchOptions) {
    this.#options = options;
    this.#rounds = new Rounds(options.periodMs ?? PERIOD_MS, () => this.#look());
  }

  /** One round; never rejects. */
  look(): Promise<void> {
    return this.#rounds.now();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#rounds[Symbol.asyncDispose]();
  }

  async #look(): Promise<void> {
    const reserved = this.#options.plan.reserved();
    for (const slice of this.#readings.keys()) if (!reserved.has(slice)) this.#readings.delete(slice);
    for (const [slice, claim] of reserved) {
      await this.#lookAt(slice, claim).catch((error: unknown) =>
        this.#options.logger.warn({ slice, reason: messageOf(error) }, 'a turn on the processors could not be set'),
      );
    }
  }

  async #lookAt(slice: SliceName, { millis, weight }: Reserved): Promise<void> {
    const { vmm, monotonicMs = () => performance.now() } = this.#options;
    const id = asMachineId(slice);
    const turn = await vmm.turn(id);
    const before = this.#readings.get(slice);
    if (turn === undefined) return void this.#readings.delete(slice);
    const now = { atMs: monotonicMs(), cpuMs: turn.cpuMs };
    this.#readings.set(slice, now);
    if (before === undefined || now.atMs <= before.atMs) return;
    const first = goesFirst(turn.first, usedPart(now.cpuMs - before.cpuMs, now.atMs - before.atMs, millis));
    if (first !== turn.first) await (first ? vmm.putFirst(id, millis) : vmm.putBack(id, weight));
  }
}
