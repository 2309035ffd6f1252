import type { Reason } from '@planetlab/contract';
import type { Lease } from '@planetlab/credentials';
import { isPlanetLabError, messageOf, SECOND_MS, SliceName } from '@planetlab/model';
import { backoffMs } from '../backoff.ts';
import type { FaultPoint } from '../fault-point.ts';
import type { Logger } from '../logger.ts';
import type { CpuPlan } from '../resources/cpu-plan.ts';
import type { StepEntry } from '../store/step-log.ts';
import type { NodeStore, SliverRow } from '../store/store.ts';
import type { SliverDirectory } from './directory.ts';
import { type ExecutorContext, executeStep } from './executors.ts';
import { observeLeftovers, observeSliver } from './observe.ts';
import { planNode, planSliver } from './planner.ts';
import { createStepRecorder, type StepRecorder } from './step-recorder.ts';
import { type DesiredNode, type DesiredSliver, type ObservedSliver, type Step, sliceOfStep } from './steps.ts';
import { createWorkQueue, type WorkQueue } from './work-queue.ts';

export interface ReconcilerOptions {
  readonly store: NodeStore;
  readonly directory: SliverDirectory;
  readonly context: ExecutorContext;
  readonly cpuPlan: CpuPlan;
  /** What a sliver's programs are to be told of themselves. */
  readonly aboutOf: (row: SliverRow) => string;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
  /** Why the machine's administrator keeps a sliver stopped; undefined for one that may run. */
  readonly stopReason?: (lease: Lease) => Reason | undefined;
  /** The node's own desired state. */
  readonly desiredNode: () => Omit<DesiredNode, 'slivers'>;
  /** Accounts as applied, or null when they have to be applied (again). */
  readonly observedAccounts: () => string | null;
  /** The network as applied, or null when it has to be applied (again). */
  readonly observedNetwork: () => string | null;
  readonly periodMs?: number;
  readonly reached?: FaultPoint;
  readonly concurrency?: number;
}

/** Makes the host be as the leases say: on every change, at the end of every lease, from time to time, and at start. */
export interface Reconciler {
  /** Finds what an earlier run left, then brings everything to where it should be; resolves when it has been looked at once. */
  start(): Promise<void>;
  /** Something about this slice has changed. */
  trigger(slice: string): void;
  /** Something about the node itself has changed, such as who may log in. */
  triggerNode(): void;
  /** Resolves when nothing is being done or waits to be (retries after failures excepted). */
  idle(): Promise<void>;
  /** Lets the step that is being taken end, and takes no more. Slivers go on. */
  close(): Promise<void>;
}

const PERIOD_MS = 30 * SECOND_MS;
/** The network is applied anew after so many periods, in case somebody else has removed it. */
const NETWORK_PERIODS = 10;
const RETRY = { firstMs: 500, mostMs: 60 * SECOND_MS };
/** More rounds than this without coming to rest are a fault in the plan, not work. */
const ROUNDS_LIMIT = 6;
/** A machine that ends by itself sooner than this after its start fails; later, it is simply started again. */
const SHORT_LIFE_MS = 10 * SECOND_MS;
const END_RETRY_MS = 5 * SECOND_MS;
const LONGEST_TIMER_MS = 3600 * SECOND_MS;
const NODE_KEY = '';

export function createReconciler(options: ReconcilerOptions): Reconciler {
  return new LeaseReconciler(options);
}

interface Retry {
  readonly failures: number;
  readonly timer: NodeJS.Timeout | undefined;
}

class LeaseReconciler implements Reconciler {
  readonly #options: ReconcilerOptions;
  readonly #queue: WorkQueue;
  readonly #recorder: StepRecorder;
  readonly #retries = new Map<string, Retry>();
  readonly #startedAtMs = new Map<string, number>();
  /** Links without a sliver appear only through crashes: they are looked for at start and from time to time. */
  #looksForStrays = true;
  /** Why ends of leases cannot be written down, while they cannot. */
  #unwritten: Reason | undefined;
  #endTimer: NodeJS.Timeout | undefined;
  #periodTimer: NodeJS.Timeout | undefined;
  #periods = 0;
  #closed = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
    this.#recorder = createStepRecorder(options.store, options.logger);
    this.#queue = createWorkQueue({ concurrency: options.concurrency ?? 4 }, (key) => this.#attempt(key));
  }

  async start(): Promise<void> {
    await this.#options.context.host.settle();
    this.#endExpired();
    await this.#attempt(NODE_KEY); // links without a sliver are gone before their indices are given to others
    await this.#lookAtAll();
    this.#periodTimer = setInterval(() => void this.#period(), this.#options.periodMs ?? PERIOD_MS);
    this.#periodTimer.unref();
  }

  trigger(slice: string): void {
    this.#forgiveFailures(slice);
    this.#queue.add(slice);
    this.#armEndTimer();
  }

  triggerNode(): void {
    this.#forgiveFailures(NODE_KEY);
    this.#queue.add(NODE_KEY);
  }

  async idle(): Promise<void> {
    await this.#queue.idle();
    this.#recorder.flush();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#endTimer);
    clearInterval(this.#periodTimer);
    for (const { timer } of this.#retries.values()) clearTimeout(timer);
    await this.#queue.close();
    this.#recorder.flush();
  }

  async #period(): Promise<void> {
    this.#periods++;
    if (this.#periods % NETWORK_PERIODS === 0) this.#options.context.network.forget();
    this.#endExpired(); // the clock may have been set
    await this.#lookAtAll().catch((error: unknown) => {
      this.#options.logger.error({ reason: messageOf(error) }, 'the host could not be looked at');
    });
  }

  async #lookAtAll(): Promise<void> {
    const { store, context } = this.#options;
    const rows = store.slivers();
    const known = {
      slices: new Set<string>(rows.map((row) => row.slice)),
      indices: new Set(rows.map((row) => row.index)),
    };
    const leftovers = await observeLeftovers(context, known);
    this.#looksForStrays = true;
    this.#queue.add(NODE_KEY);
    for (const slice of [...known.slices, ...leftovers.slices]) if (!this.#waitsToRetry(slice)) this.#queue.add(slice);
  }

  #endExpired(): void {
    const { store, now, logger } = this.#options;
    try {
      const ended = store.endExpired(now());
      this.#unwritten = undefined;
      for (const slice of ended) this.#queue.add(slice);
      if (ended.length > 0) this.#queue.add(NODE_KEY); // their accounts
      this.#armEndTimer();
    } catch (error) {
      // the disk is full: as that may be for their sake, they go all the same, and end in the database when it takes it
      logger.error({ reason: messageOf(error) }, 'leases that are over could not be ended in the database');
      this.#unwritten = reasonOf(error, 'Its lease is over, and it waits until that can be written down. ');
      for (const { lease } of store.liveLeases()) if (lease.expiresAtMs <= now()) this.#queue.add(lease.slice);
      this.#armEndTimer(END_RETRY_MS);
    }
  }

  #armEndTimer(leastMs = 0): void {
    if (this.#closed) return;
    clearTimeout(this.#endTimer);
    const next = this.#options.store.nextEndMs();
    if (next === undefined) return;
    const delayMs = Math.max(leastMs, Math.min(LONGEST_TIMER_MS, next - this.#options.now()));
    this.#endTimer = setTimeout(() => this.#endExpired(), delayMs);
  }

  async #attempt(key: string): Promise<void> {
    if (this.#closed) return;
    try {
      await (key === NODE_KEY ? this.#reconcileNode() : this.#reconcileSliver(key));
      this.#retries.delete(key);
    } catch (error) {
      this.#failed(key, error);
    }
  }

  async #reconcileNode(): Promise<void> {
    const { store, context, cpuPlan, desiredNode, observedAccounts, observedNetwork } = this.#options;
    for (const slice of cpuPlan.set(store.liveLeases().map(({ lease }) => lease))) this.#queue.add(slice);
    const desired = desiredNode();
    const known = store.indices();
    const observed = {
      strayLinks: this.#looksForStrays ? context.host.inventory().links.filter((index) => !known.has(index)) : [],
      network: observedNetwork(),
      accounts: observedAccounts(),
    };
    await this.#take(planNode(desired, observed));
    this.#looksForStrays = false;
  }

  async #reconcileSliver(slice: string): Promise<void> {
    const { store, directory, context } = this.#options;
    for (let round = 0; round < ROUNDS_LIMIT; round++) {
      if (this.#closed) return; // the next manager goes on
      const row = store.sliver(slice);
      const desired = row === undefined ? undefined : this.#desiredOf(row);
      const observed = await observeSliver(context, slice, row?.index ?? null, desired);
      const steps = planSliver(desired, observed);
      if (steps.length === 0) {
        if (row === undefined || this.#settle(row, desired)) return;
        continue;
      }
      if (row !== undefined) {
        const ends = desired === undefined || desired.stopped !== undefined;
        const changesLimits = steps.every(({ kind }) => kind === 'ApplyLimits' || kind === 'TellSliver'); // while it runs on
        if (!changesLimits) directory.report(row.slice, ends ? 'stopping' : 'starting');
        if (!ends) this.#checkLife(slice, observed);
      }
      await this.#take(steps);
    }
    throw new Error(`the steps for ${slice} lead nowhere: ${ROUNDS_LIMIT} rounds`);
  }

  #desiredOf(row: SliverRow): DesiredSliver | undefined {
    if (row.stored.endedAtMs !== null || row.stored.lease.expiresAtMs <= this.#options.now()) return undefined;
    const cpuWeight = this.#options.cpuPlan.weightOf(row.slice, row.stored.lease.resources);
    return desiredOf(
      row,
      cpuWeight,
      this.#options.aboutOf(row),
      this.#options.stopReason?.(row.stored.lease) ?? holdersReason(row),
    );
  }

  /** Nothing is left to do. False when the slice has been leased again while its sliver was removed. */
  #settle(row: SliverRow, desired: DesiredSliver | undefined): boolean {
    const { store, directory } = this.#options;
    if (desired !== undefined) {
      directory.report(row.slice, desired.stopped === undefined ? 'running' : 'stopped', desired.stopped);
      return true;
    }
    if (row.stored.endedAtMs === null) {
      // the timer comes back to it, again and again until the end of the lease is written down
      directory.report(row.slice, 'stopping', this.#unwritten);
      return true;
    }
    if (!store.forgetSliver(row.slice)) return false;
    this.#startedAtMs.delete(row.slice);
    directory.gone(row);
    return true;
  }

  #checkLife(slice: string, observed: ObservedSliver): void {
    const startedAtMs = this.#startedAtMs.get(slice);
    this.#startedAtMs.delete(slice);
    if (observed.machine !== 'stopped' || startedAtMs === undefined) return;
    const lifeMs = this.#options.now() - startedAtMs;
    if (lifeMs < SHORT_LIFE_MS) throw new Error(`the first process of ${slice} ended after ${Math.round(lifeMs)} ms`);
  }

  /** Takes steps one after the other and logs them; stops at the first that fails. */
  async #take(steps: readonly Step[]): Promise<void> {
    if (steps.length === 0) return;
    const { context, now } = this.#options;
    const entries: StepEntry[] = [];
    try {
      for (const step of steps) {
        if (this.#closed) return;
        const entry = { atMs: now(), slice: sliceOfStep(step), step: step.kind };
        const startedMs = performance.now();
        try {
          await executeStep(step, context);
          this.#options.reached?.(`step:${step.kind}`);
          entries.push({ ...entry, outcome: 'done', durationMs: performance.now() - startedMs, message: null });
          if (step.kind === 'StartMachine') this.#startedAtMs.set(step.slice, now());
        } catch (error) {
          const message = messageOf(error);
          entries.push({ ...entry, outcome: 'failed', durationMs: performance.now() - startedMs, message });
          throw error;
        }
      }
    } finally {
      this.#recorder.record(entries);
    }
  }

  #failed(key: string, error: unknown): void {
    const { logger, directory, store, random } = this.#options;
    const reason = reasonOf(error);
    const failures = this.#retries.get(key)?.failures ?? 0;
    const delayMs = backoffMs({ ...RETRY, random }, failures);
    logger.warn({ slice: key === NODE_KEY ? undefined : key, reason, retryMs: Math.round(delayMs) }, 'a step failed');
    if (key !== NODE_KEY && store.sliver(key) !== undefined) {
      const state = directory.status(key)?.state === 'running' ? 'running' : 'failed'; // it runs on with its old limits
      directory.report(SliceName.parse(key), state, reason);
    }
    if (this.#closed) return;
    const timer = setTimeout(() => {
      this.#retries.set(key, { failures: failures + 1, timer: undefined });
      this.#queue.add(key);
    }, delayMs);
    timer.unref();
    this.#retries.set(key, { failures, timer });
  }

  #forgiveFailures(key: string): void {
    clearTimeout(this.#retries.get(key)?.timer);
    this.#retries.delete(key);
  }

  #waitsToRetry(key: string): boolean {
    return this.#retries.get(key)?.timer !== undefined;
  }
}

const reasonOf = (error: unknown, words = ''): Reason => ({
  code: isPlanetLabError(error) ? error.code : 'step_failed',
  message: `${words}${messageOf(error)}`,
});

/** Why the holder of the lease keeps the sliver stopped. */
function holdersReason({ stored }: SliverRow): Reason | undefined {
  const { stopped } = stored.lease;
  return stopped === undefined ? undefined : { code: 'sliver_not_running', message: stopped };
}

/** What a row says there should be. */
export function desiredOf(
  { slice, index, stored }: SliverRow,
  cpuWeight: number,
  about: string,
  stopped?: Reason,
): DesiredSliver {
  const { id, image, resources } = stored.lease;
  const { imageDigest } = stored;
  return { slice, lease: id, image, imageDigest, resources, cpuWeight, index, about, ...(stopped && { stopped }) };
}
