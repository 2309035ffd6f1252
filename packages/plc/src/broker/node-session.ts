import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import type { LeaseRecord, NodeSliver } from '@planetlab/contract';
import { isPlanetLabError, type LeaseId, messageOf, PlanetLabError, SECOND_MS, type SliceName } from '@planetlab/model';
import type { Logger } from 'pino';
import type { CertificateKeeper } from '../nodes/renew-certificate.ts';
import { storeFacts } from '../nodes/store.ts';
import type { NodeClient } from '../uplinks/node-client.ts';
import type { Uplink } from '../uplinks/uplink.ts';
import { checkedLease } from './checked-lease.ts';
import type { RunInSliver } from './initial-command.ts';
import { accessHashOf, pauseKeyOf, pauseMs, planNode, renewalTimeMs, sliceOfStep } from './plan.ts';
import { ReportWriter } from './report-writer.ts';
import { runStep, type StepContext } from './steps.ts';
import { type BrokerStore, storeReport } from './store.ts';
import type { BrokerStep } from './types.ts';
import { Wanted } from './wanted.ts';
import { reportAllowance, withinAllowance } from './within-allowance.ts';

export interface NodeSessionOptions {
  readonly store: BrokerStore;
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
const FACTS_INTERVAL_MS = 30 * SECOND_MS;
/** Everybody who lists nodes reads it: a node is not trusted to be brief. */
const FACTS_LIMIT_CHARACTERS = 65_536;
/** After a lease was granted or ended, the node's facts are read again, once for all that come together. */
const FACTS_SETTLE_MS = 3 * SECOND_MS;
const RETRY_MS = SECOND_MS;
/** Of slivers that were not asked for here: a node is not trusted to have few. */
const REPORTS_LIMIT = 2_000;
const TIMER_LIMIT_MS = 24 * 3600 * SECOND_MS;

/**
 * The default broker's work on one node for as long as its uplink is open: compare what is wanted with what is there,
 * take the steps between, follow the node's reports. All state here is a cache of the node's; a new session begins anew.
 */
export class NodeSession {
  readonly #options: NodeSessionOptions;
  readonly #wanted: Wanted;
  readonly #writer: ReportWriter;
  readonly #allowance = reportAllowance();
  readonly #leases = new Map<SliceName, LeaseRecord>();
  readonly #reports = new Map<SliceName, NodeSliver>();
  readonly #renewAtMs = new Map<LeaseId, number>();
  readonly #failures = new Map<string, { count: number; untilMs: number }>();
  readonly #busy = new Set<SliceName>();
  /** Slices with a row for this node, with the request's pause key of the one that is wanted. */
  #placed: ReadonlyMap<SliceName, string | undefined> = new Map();
  /** Slices whose initial command waits for its sliver to run. */
  #uninitialised: ReadonlySet<SliceName> = new Set();
  readonly #lies = new Set<SliceName>();
  #leasesRead = false;
  #rereadFacts: () => void = () => {};
  #dirty = false;
  #working = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NodeSessionOptions) {
    this.#options = options;
    this.#writer = new ReportWriter((report) => storeReport(options.store, options.uplink.node, report));
    this.#wanted = new Wanted(options.store.db, options.uplink.node.nodeId);
  }

  get nodeName(): string {
    return this.#options.uplink.node.nodeName;
  }

  /** Runs until the uplink is closed. */
  async run(): Promise<void> {
    const { uplink, log } = this.#options;
    try {
      await Promise.all([this.#keepFacts(), this.#followReports(), this.#readLeases()]);
    } catch (error) {
      log.error({ err: error, node: uplink.node.nodeName }, 'the broker failed on a node');
      uplink.close(new PlanetLabError('internal', 'The authority lost its thread; connect again.'));
    } finally {
      clearTimeout(this.#timer);
    }
  }

  /** Something may have changed: read what is wanted, and look again. Cheap to call often. */
  wake(): void {
    this.#wanted.forget();
    this.#lookAgain();
  }

  /** The same, when what is wanted is known. */
  #lookAgain(): void {
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

  async #pass(): Promise<void> {
    const { store, uplink, leaseMs } = this.#options;
    const { deleted, ends, slivers } = await this.#wanted.read();
    this.#placed = new Map(slivers.map(({ slice, wanted, id }) => [slice, wanted ? id : undefined]));
    this.#uninitialised = new Set(slivers.flatMap(({ slice, initialCommand }) => (initialCommand === '' ? [] : slice)));
    const nowMs = store.now().getTime();
    const pausedUntilMs = new Map([...this.#failures].map(([key, { untilMs }]) => [key, untilMs]));
    const view = {
      ends,
      slivers,
      leases: this.#leases,
      reports: this.#reports,
      renewAtMs: this.#renewAtMs,
      pausedUntilMs,
      busy: this.#busy,
    };
    const { steps, nextMs } = planNode(view, nowMs, leaseMs);
    for (const step of steps) {
      if (this.#busy.size >= CONCURRENT_STEPS) break; // each that ends wakes us again
      if (!this.#busy.has(sliceOfStep(step))) void this.#take(step);
    }
    if (Number.isFinite(nextMs)) this.#wakeAfter(nextMs - nowMs);
    if (deleted && slivers.length === 0 && this.#leases.size === 0 && this.#busy.size === 0) {
      uplink.close(new PlanetLabError('unknown_node', 'This node was removed from the authority.'));
    }
  }

  #wakeAfter(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return; // a look that was under way: its timer would keep the process that ends
    this.#timer = setTimeout(() => this.wake(), Math.min(Math.max(ms, 1), TIMER_LIMIT_MS));
  }

  async #take(step: BrokerStep): Promise<void> {
    const slice = sliceOfStep(step);
    this.#busy.add(slice);
    let outcome: 'done' | 'failed' = 'failed';
    try {
      outcome = await runStep(this.#context(), step);
    } catch (error) {
      const details = { error: messageOf(error), step: step.type, slice, node: this.#options.uplink.node.nodeName };
      this.#options.log.warn(details, 'a step of the broker failed');
    }
    this.#options.countOutcome(step.type, outcome);
    if (outcome === 'failed') this.#pause(pauseKeyOf(step));
    else this.#failures.delete(pauseKeyOf(step));
    this.#busy.delete(slice);
    this.#rereadFacts();
    // What was refused for want of resources may fit now.
    if (step.type === 'end' && outcome === 'done') this.#endPauses();
    const lease = step.type === 'request' && outcome === 'done' ? this.#leases.get(slice) : undefined;
    if (lease === undefined || step.type !== 'request') return this.wake();
    this.#wanted.noteLease(step.sliver.id, lease.id, accessHashOf(step.sliver.keys));
    this.#lookAgain();
  }

  #context(): StepContext {
    const { store, uplink, client } = this.#options;
    return {
      store,
      client,
      node: uplink.node,
      run: this.#options.run,
      closed: uplink.closed,
      holdLease: (lease) => this.#hold(lease),
      dropLease: (lease) => this.#drop(lease),
      reportOf: (slice) => this.#reports.get(slice),
      checked: (lease) => checkedLease(lease, uplink.node, this.#options.holder),
    };
  }

  #hold(lease: LeaseRecord): void {
    this.#leases.set(lease.slice, lease);
    this.#renewAtMs.set(lease.id, renewalTimeMs(lease, this.#options.store.now().getTime()));
  }

  #drop(lease: Pick<LeaseRecord, 'id' | 'slice'>): void {
    if (this.#leases.get(lease.slice)?.id === lease.id) this.#leases.delete(lease.slice);
    this.#renewAtMs.delete(lease.id);
    for (const key of this.#failures.keys()) if (key.startsWith(lease.id)) this.#failures.delete(key);
  }

  #pause(key: string): void {
    const count = (this.#failures.get(key)?.count ?? 0) + 1;
    this.#failures.set(key, { count, untilMs: this.#options.store.now().getTime() + pauseMs(count) });
  }

  #endPauses(): void {
    for (const [key, { count }] of this.#failures) this.#failures.set(key, { count, untilMs: 0 });
    this.wake();
  }

  async #keepFacts(): Promise<void> {
    const { client, store, uplink, log } = this.#options;
    while (!this.#closed) {
      try {
        const facts = await client.getNode({}, { signal: uplink.closed });
        if (facts.id !== uplink.node.nodeId)
          throw new PlanetLabError('conflict', 'The node says that it is another node.');
        if (JSON.stringify(facts).length > FACTS_LIMIT_CHARACTERS)
          throw new PlanetLabError('conflict', `What it says of itself is over ${FACTS_LIMIT_CHARACTERS} characters.`);
        await storeFacts(store, uplink.node.nodeId, { facts });
      } catch (error) {
        if (this.#closed) return;
        log.warn({ error: messageOf(error), node: uplink.node.nodeName }, 'a node does not say what it is');
        await this.#storeTrouble(error);
      }
      await this.#tendCertificate();
      await this.#untilFactsAreOld();
    }
  }

  async #tendCertificate(): Promise<void> {
    const { certificates, uplink, log } = this.#options;
    await certificates.tend(uplink.closed).catch((error) => {
      const node = uplink.node.nodeName;
      log.warn({ error: messageOf(error), node }, 'the certificate of a node was not renewed; tried again later');
    });
  }

  async #untilFactsAreOld(): Promise<void> {
    const changed = new AbortController();
    this.#rereadFacts = () => changed.abort();
    const signal = AbortSignal.any([this.#options.uplink.closed, changed.signal]);
    await sleep(FACTS_INTERVAL_MS, undefined, { signal }).catch(() => {}); // ended early: read them again, or the loop ends
    if (changed.signal.aborted) await this.#sleep(FACTS_SETTLE_MS);
  }

  async #storeTrouble(error: unknown): Promise<void> {
    if (!(error instanceof PlanetLabError)) return; // the database: the next round tells
    const trouble = {
      code: error.code,
      message: `It is connected, but does not answer as it should: ${error.message}`,
    };
    const { store, uplink, log } = this.#options;
    await storeFacts(store, uplink.node.nodeId, { trouble }).catch((cause) =>
      log.warn({ error: messageOf(cause) }, 'trouble of a node not stored'),
    );
  }

  /** Leases that the node holds from before: those of a sliver still wanted are taken over, others are ended. */
  async #readLeases(): Promise<void> {
    const { client, uplink, log, holder } = this.#options;
    while (!this.#closed) {
      try {
        const { items } = await client.listLeases({}, { signal: uplink.closed });
        for (const lease of items) {
          if (lease.holder === holder) this.#hold(checkedLease(lease, uplink.node, holder));
        }
        this.#leasesRead = true;
        return this.wake();
      } catch (error) {
        if (this.#closed) return;
        log.warn({ error: messageOf(error), node: uplink.node.nodeName }, 'a node does not list its leases');
        await this.#sleep(RETRY_MS);
      }
    }
  }

  async #followReports(): Promise<void> {
    const { client, uplink, log } = this.#options;
    while (!this.#closed) {
      const unstored = new AbortController();
      try {
        const synced = new Set<SliceName>();
        const signal = AbortSignal.any([uplink.closed, unstored.signal]);
        for await (const event of withinAllowance(await client.watchSlivers({}, { signal }), this.#allowance)) {
          if (event.type === 'sliver') {
            synced.add(event.sliver.slice);
            // what could not be stored is asked for again, with everything else
            this.#heed(event.sliver).catch((error: unknown) => unstored.abort(error));
          } else {
            for (const slice of this.#reports.keys()) if (!synced.has(slice)) this.#reports.delete(slice);
            this.wake();
          }
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
    const lease = this.#leases.get(report.slice);
    const isAsked = this.#placed.has(report.slice) || lease !== undefined;
    // The first reports come before it is known what is asked: who adopts a lease needs them.
    if (report.state === 'gone') this.#reports.delete(report.slice);
    else if (isAsked || this.#reports.size < REPORTS_LIMIT) this.#reports.set(report.slice, report);
    if (!isAsked) return this.#noteLie(report.slice);
    await this.#writer.write(report);
    if (report.state === 'running' && this.#uninitialised.has(report.slice)) this.#lookAgain();
    if (report.state !== 'gone') return;
    this.#endPauses();
    if (lease?.id !== report.leaseId) return;
    this.#drop(lease);
    // It ended without our doing: asked for again after a pause, or a node in trouble would go round and round.
    const pauseKey = this.#placed.get(report.slice);
    if (pauseKey !== undefined && !this.#busy.has(report.slice)) this.#pause(pauseKey);
    this.wake();
  }

  /** Slivers that other brokers lease are none of ours; and a node cannot speak about slices that are not placed on it. */
  #noteLie(slice: SliceName): void {
    if (this.#lies.has(slice) || this.#lies.size > 100 || !this.#leasesRead) return;
    this.#lies.add(slice);
    const node = this.#options.uplink.node.nodeName;
    this.#options.log.warn({ node, slice }, 'a node reports a sliver that was not asked for here; ignored');
  }

  async #sleep(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.#options.uplink.closed }).catch(() => {}); // closed: the loops end
  }
}
