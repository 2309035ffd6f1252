import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { NodeSliver } from '@planetlab/contract';
import { isPlanetLabError, MINUTE_MS, messageOf, PlanetLabError, SECOND_MS, type SliceName } from '@planetlab/model';
import type { Logger } from 'pino';
import type { CertificateKeeper } from '../nodes/renew-certificate.ts';
import type { NodeClient } from '../uplinks/node-client.ts';
import type { Uplink } from '../uplinks/uplink.ts';
import { again, RETRY_MS } from './again.ts';
import { checkedLease, checkedLeases, listLeases } from './checked-lease.ts';
import { FactsKeeper, type FactsKeeperOptions } from './facts-keeper.ts';
import { HeardReports } from './heard-reports.ts';
import { HeldLeases } from './held-leases.ts';
import type { RunInSliver } from './initial-command.ts';
import type { Known } from './known.ts';
import { type RequestStep, requestLeases, restMs } from './lease-requests.ts';
import { Lies } from './lies.ts';
import { Pauses } from './pauses.ts';
import { Placed } from './placed.ts';
import { pauseKeyOf, planNode, sliceOfStep } from './plan.ts';
import { ReportWriter } from './report-writer.ts';
import { runStep, type SingleStep, type StepContext, type StepOutcome } from './steps.ts';
import { type BrokerStore, storeReport } from './store.ts';
import type { Turns } from './turns.ts';
import type { BrokerStep, HeldLease } from './types.ts';
import { Wanted } from './wanted.ts';
import type { WantedReader } from './wanted-reader.ts';
import { admitsReports } from './within-allowance.ts';

export interface NodeSessionOptions {
  readonly store: BrokerStore;
  readonly wanted: WantedReader;
  readonly facts: FactsKeeperOptions['facts'];
  readonly readSite: FactsKeeperOptions['readSite'];
  readonly turns: Turns;
  readonly log: Logger;
  readonly uplink: Uplink;
  readonly client: NodeClient;
  /** Thumbprint of the broker's key: leases of other holders are not ours to touch. */
  readonly holder: string;
  readonly leaseMs: number;
  readonly certificates: CertificateKeeper;
  readonly run: RunInSliver;
  readonly countOutcome: (step: BrokerStep['type'], outcome: 'done' | 'failed') => void;
}

const CONCURRENT_STEPS = 16;
/** While a node is asked for leases, little comes of a look: what changes within this time is looked at together. */
const GATHER_MS = SECOND_MS;
/** Changes wake us; should one be missed, it is found by then. */
const REREAD_MS = 10 * MINUTE_MS;
const TIMER_LIMIT_MS = 24 * 3600 * SECOND_MS;

/**
 * The default broker's work on one node for as long as its uplink is open: compare what is wanted with what is there,
 * take the steps between, follow the node's reports. All state here is a cache of the node's; a new session begins anew.
 */
export class NodeSession {
  readonly #options: NodeSessionOptions;
  readonly #wanted: Wanted;
  readonly #facts: FactsKeeper;
  readonly #writer: ReportWriter;
  readonly #admits = admitsReports();
  readonly #leases: HeldLeases;
  readonly #reports = new HeardReports();
  readonly #pauses = new Pauses();
  /** What is being done, by slice. */
  readonly #busy = new Map<SliceName, BrokerStep['type']>();
  readonly #placed = new Placed();
  readonly #lies: Lies;
  /** What the node has unless it says otherwise; dropped when it has said how its slivers are. */
  #known: Known | undefined;
  #leasesRead = false;
  #dirty = false;
  /** Steps under way, but for the requests for leases. */
  #under = 0;
  #asking = false;
  /** Aborted when a report could not be stored: all is asked for again. */
  #unstored = new AbortController();
  #working = false;
  #timer: NodeJS.Timeout | undefined;
  #gathering: NodeJS.Timeout | undefined;

  constructor(options: NodeSessionOptions) {
    this.#options = options;
    this.#writer = new ReportWriter((report) => storeReport(options.store, options.uplink.node, report));
    this.#wanted = new Wanted(options.wanted, options.uplink.node.nodeId);
    this.#leases = new HeldLeases(() => options.store.now().getTime());
    this.#facts = new FactsKeeper({ ...options, now: () => options.store.now().getTime() });
    this.#lies = new Lies(options.log, options.uplink.node.nodeName);
  }

  get nodeName(): string {
    return this.#options.uplink.node.nodeName;
  }

  /** Runs until the uplink is closed. */
  async run(): Promise<void> {
    const { uplink, log, turns } = this.#options;
    const endTurn = await turns.take();
    try {
      await Promise.all([this.#facts.run(), this.#begin(endTurn), this.#reread()]);
    } catch (error) {
      log.error({ err: error, node: uplink.node.nodeName }, 'the broker failed on a node');
      uplink.close(new PlanetLabError('internal', 'The authority lost its thread; connect again.'));
    } finally {
      endTurn();
      clearTimeout(this.#timer);
      clearTimeout(this.#gathering);
    }
  }

  /** Something may have changed, of one slice or anything: read what is wanted, and look again. Cheap to call often. */
  wake(slice?: SliceName): void {
    this.#wanted.forget(slice);
    if (this.#asking && !this.#closed) this.#gathering ??= setTimeout(() => this.#lookAgain(), GATHER_MS);
    else this.#lookAgain();
  }

  /** The same, when what is wanted is known. */
  #lookAgain(): void {
    clearTimeout(this.#gathering);
    this.#gathering = undefined;
    this.#dirty = true;
    if (this.#working || !this.#leasesRead || this.#closed) return;
    this.#working = true;
    void this.#work();
  }

  get #closed(): boolean {
    return this.#options.uplink.closed.aborted;
  }

  async #work(): Promise<void> {
    try {
      while (this.#dirty && !this.#closed) {
        await nextTurn(); // what happens in the same moment is one reason to look, not many
        this.#dirty = false;
        if (!this.#closed) await this.#pass();
      }
    } catch (error) {
      this.#options.log.warn(
        { error: messageOf(error), node: this.#options.uplink.node.nodeName },
        'the broker tries again',
      );
      this.#wakeAfter(RETRY_MS);
    } finally {
      this.#working = false;
    }
  }

  async #reread(): Promise<void> {
    for (;;) {
      await this.#sleep(REREAD_MS);
      if (this.#closed) return;
      this.wake();
    }
  }

  async #pass(): Promise<void> {
    const { store, uplink, leaseMs } = this.#options;
    const { deleted, ends, slivers } = await this.#wanted.read();
    for (const slice of this.#placed.see(slivers)) this.#storeEarly(slice);
    const nowMs = store.now().getTime();
    const view = {
      ends,
      slivers,
      leases: this.#leases.bySlice,
      reports: this.#reports.states,
      renewAtMs: this.#leases.renewAtMs,
      pausedUntilMs: this.#pauses.until(),
      busy: this.#busy,
    };
    const { steps, nextMs } = planNode(view, nowMs, leaseMs);
    void this.#askFor(steps.filter((step) => step.type === 'request'));
    for (const step of steps) {
      if (this.#under >= CONCURRENT_STEPS) break; // each that ends wakes us again
      if (step.type !== 'request' && !this.#busy.has(sliceOfStep(step))) void this.#take(step);
    }
    if (Number.isFinite(nextMs)) this.#wakeAfter(nextMs - nowMs);
    if (deleted && slivers.length === 0 && this.#leases.bySlice.size === 0 && this.#busy.size === 0) {
      uplink.close(new PlanetLabError('unknown_node', 'This node was removed from the authority.'));
    }
  }

  #wakeAfter(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return; // a look that was under way: its timer would keep the process that ends
    this.#timer = setTimeout(() => this.#lookAgain(), Math.min(Math.max(ms, 1), TIMER_LIMIT_MS));
  }

  /** One request for leases at a time: what comes to be wanted meanwhile goes together into the next. */
  async #askFor(steps: readonly RequestStep[]): Promise<void> {
    if (this.#asking || steps.length === 0) return;
    this.#asking = true;
    const startMs = performance.now();
    for (const { sliver } of steps) this.#busy.set(sliver.slice, 'request');
    await requestLeases(this.#context(), steps, (step, outcome, error) => this.#took(step, outcome, error));
    await this.#sleep(restMs(performance.now() - startMs));
    this.#asking = false;
    this.#lookAgain();
  }

  async #take(step: SingleStep): Promise<void> {
    this.#busy.set(sliceOfStep(step), step.type);
    this.#under += 1;
    await runStep(this.#context(), step).then(
      (outcome) => this.#took(step, outcome),
      (error) => this.#took(step, 'failed', error),
    );
    this.#under -= 1;
    this.#lookAgain();
  }

  #took(step: BrokerStep, outcome: StepOutcome, error?: unknown): void {
    const slice = sliceOfStep(step);
    const { log, uplink, countOutcome } = this.#options;
    if (error !== undefined) {
      const details = { error: messageOf(error), step: step.type, slice, node: uplink.node.nodeName };
      log.warn(details, 'a step of the broker failed');
    }
    countOutcome(step.type, outcome);
    if (outcome === 'failed') this.#pause(pauseKeyOf(step));
    else this.#pauses.succeeded(pauseKeyOf(step));
    this.#busy.delete(slice);
    this.#facts.changed();
    // What was refused for want of resources may fit now.
    if (step.type === 'end' && outcome === 'done') this.#pauses.end();
    if (step.type !== 'request' || outcome === 'failed') this.#wanted.forget(slice);
  }

  #context(): StepContext {
    const { store, uplink, client } = this.#options;
    return {
      store,
      client,
      node: uplink.node,
      run: this.#options.run,
      closed: uplink.closed,
      holdLease: (lease) => this.#leases.hold(lease),
      dropLease: (lease) => this.#drop(lease),
      reportOf: (slice) => this.#reports.unstored(slice),
      checked: (lease) => checkedLease(lease, uplink.node, this.#options.holder),
      checkedAll: (answer) => checkedLeases(answer, uplink.node, this.#options.holder),
      noted: ({ id }, lease, accessHash) => {
        this.#wanted.noteLease(id, lease.id, accessHash);
        this.#reports.noteStored(lease.slice, lease.id);
      },
    };
  }

  #drop(lease: Pick<HeldLease, 'id' | 'slice'>): void {
    this.#leases.drop(lease);
    this.#pauses.forget(lease.id);
  }

  #pause(key: string): void {
    this.#pauses.failed(key, this.#options.store.now().getTime());
  }

  async #begin(endTurn: () => void): Promise<void> {
    this.#known = await again(this.#options, 'what is wanted on a node cannot be read', () => this.#wanted.begin());
    if (this.#known !== undefined) await Promise.all([this.#followReports(), this.#readLeases().finally(endTurn)]);
  }

  /** Leases that the node holds from before: those of a sliver still wanted are taken over, others are ended. */
  async #readLeases(): Promise<void> {
    const leases = await again(this.#options, 'a node does not list its leases', () =>
      listLeases(this.#options, this.#known),
    );
    for (const lease of leases ?? []) this.#leases.hold(lease);
    this.#leasesRead = leases !== undefined;
    this.#lookAgain();
  }

  async #followReports(): Promise<void> {
    const { client, uplink, log } = this.#options;
    while (!this.#closed) {
      const unstored = new AbortController();
      this.#unstored = unstored;
      try {
        const synced = new Set<SliceName>();
        const signal = AbortSignal.any([uplink.closed, unstored.signal]);
        const query = { known: this.#known?.sliversDigest };
        for await (const event of await client.watchSlivers({ query }, { signal, admits: this.#admits })) {
          if (event.type === 'sliver') {
            synced.add(event.sliver.slice);
            this.#heed(event.sliver).catch((error: unknown) => unstored.abort(error));
          } else {
            if (event.known === true) this.#reports.takeKnown(this.#known?.slivers ?? []);
            else this.#reports.keepOnly(synced);
            this.#lookAgain();
          }
          this.#known = undefined; // what it was before it said more
        }
      } catch (error) {
        if (this.#closed) return;
        const reason = unstored.signal.aborted ? unstored.signal.reason : error;
        if (isPlanetLabError(reason, 'node_floods')) return uplink.close(reason);
        log.warn({ error: messageOf(reason), node: uplink.node.nodeName }, 'lost the reports of a node');
      }
      await this.#sleep(RETRY_MS);
    }
  }

  async #heed(report: NodeSliver): Promise<void> {
    const lease = this.#leases.bySlice.get(report.slice);
    const isAsked = this.#placed.wanted.has(report.slice) || lease !== undefined;
    this.#reports.note(report, isAsked);
    if (!isAsked) return this.#leasesRead ? this.#lies.note(report.slice) : undefined;
    if (!this.#isBeingNoted(report)) await this.#store(report);
    if (report.state === 'running' && this.#placed.uninitialised.has(report.slice)) this.#lookAgain();
    if (report.state !== 'gone') return;
    this.#pauses.end();
    if (lease?.id !== report.leaseId) return this.#lookAgain();
    this.#drop(lease);
    // It ended without our doing: asked for again after a pause, or a node in trouble would go round and round.
    const pauseKey = this.#placed.wanted.get(report.slice);
    if (pauseKey !== undefined && !this.#busy.has(report.slice)) this.#pause(pauseKey);
    this.wake(report.slice);
  }

  /** Its lease is: who does that takes along what is said of its sliver. */
  #isBeingNoted({ slice, leaseId, state }: NodeSliver): boolean {
    const step = this.#busy.get(slice);
    const row = this.#placed.wanted.get(slice);
    if (state === 'gone' || row === undefined || this.#wanted.leaseOf(row) === leaseId) return false;
    return step === 'request' || step === 'adopt';
  }

  async #store(report: NodeSliver): Promise<void> {
    await this.#writer.write(report);
    const row = this.#placed.wanted.get(report.slice);
    if (row !== undefined && this.#wanted.leaseOf(row) === report.leaseId)
      this.#reports.noteStored(report.slice, report.leaseId);
  }

  /** What was said before it was known that it was asked for. */
  #storeEarly(slice: SliceName): void {
    const report = this.#reports.unstored(slice);
    if (report !== undefined) this.#store(report).catch((error: unknown) => this.#unstored.abort(error));
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#options.uplink.closed }).catch(() => {}); // closed: the loops end
  }
}
