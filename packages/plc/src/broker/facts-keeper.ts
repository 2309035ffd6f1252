import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { NodeFacts, NodeSite } from '@planetlab/contract';
import { fromInstant, MINUTE_MS, messageOf, type NodeId, PlanetLabError, SECOND_MS, toInstant } from '@planetlab/model';
import type { Logger } from 'pino';
import { type FactsStore, lastingFactsOf, type SaidFacts } from '../nodes/facts-store.ts';
import type { CertificateKeeper } from '../nodes/renew-certificate.ts';
import type { NodeClient } from '../uplinks/node-client.ts';
import type { Uplink } from '../uplinks/uplink.ts';

export interface FactsKeeperOptions {
  readonly facts: FactsStore;
  readonly readSite: (node: NodeId) => Promise<NodeSite | undefined>;
  readonly log: Logger;
  readonly uplink: Uplink;
  readonly client: NodeClient;
  readonly certificates: CertificateKeeper;
  /** The clock that nodes' clocks are compared with. */
  readonly now: () => number;
}

const INTERVAL_MS = 30 * SECOND_MS;
/** Everybody who lists nodes reads it: a node is not trusted to be brief. */
const LIMIT_CHARACTERS = 65_536;
/** After a lease was granted or ended, the node's facts are read again, once for all that come together. */
const SETTLE_MS = 3 * SECOND_MS;
/** When nodes or we are busy, so that reading takes long, it is done less often. */
const SETTLE_FACTOR = 50;
/** Whether a node knows its site as it is now: at connecting, and then as often. Sites are rarely called otherwise, or moved. */
const SITE_COMPARED_MS = 10 * MINUTE_MS;

/** Keeps what a node says of itself, and its certificate, up to date for as long as its uplink is open. */
export class FactsKeeper {
  readonly #options: FactsKeeperOptions;
  #reread: () => void = () => {};
  #lastReadMs = 0;
  #siteDueMs = 0;
  /** Digest of what was stored last and stays for longer than one look; undefined when that is not known. */
  #stored: string | undefined;
  #storing: Promise<void> = Promise.resolve();

  constructor(options: FactsKeeperOptions) {
    this.#options = options;
  }

  /** What the node has left may have changed. Cheap to call often. */
  changed(): void {
    this.#reread();
  }

  /** Runs until the uplink is closed. */
  async run(): Promise<void> {
    const { uplink, log } = this.#options;
    while (!uplink.closed.aborted) {
      const startMs = performance.now();
      try {
        await this.#read();
      } catch (error) {
        if (uplink.closed.aborted) return;
        log.warn({ error: messageOf(error), node: uplink.node.nodeName }, 'a node does not say what it is');
        await this.#storeTrouble(error);
      }
      this.#lastReadMs = performance.now() - startMs;
      await this.#tendCertificate();
      await this.#untilOld();
    }
  }

  async #read(): Promise<void> {
    const { client, uplink, now } = this.#options;
    const startedMs = now();
    const { site, ...facts } = await client.getNode({}, { signal: uplink.closed });
    const endedMs = now();
    if (facts.id !== uplink.node.nodeId) throw new PlanetLabError('conflict', 'The node says that it is another node.');
    const lasting = JSON.stringify(lastingFactsOf(facts));
    if (lasting.length > LIMIT_CHARACTERS)
      throw new PlanetLabError('conflict', `What it says of itself is over ${LIMIT_CHARACTERS} characters.`);
    const measured = {
      at: toInstant(endedMs),
      rttMs: await uplink.roundTripMs(),
      // it read its clock somewhere between question and answer: half-way is the best guess
      clockOffsetMs: Math.round(fromInstant(facts.clock) - (startedMs + endedMs) / 2),
    };
    await this.#store({ id: uplink.node.nodeId, facts, measured }, lasting);
    await this.#tellSite(site);
  }

  /** A node at rest says the same again, but for its clock and sensors: nobody waits for that. */
  async #store(said: SaidFacts, lasting: string): Promise<void> {
    const { facts, uplink, log } = this.#options;
    const digest = createHash('sha1').update(lasting).digest('base64');
    await this.#storing; // what was said before is not to come after
    if (digest !== this.#stored) {
      this.#stored = undefined;
      await facts.store(said);
      this.#stored = digest;
      return;
    }
    this.#storing = facts.storeAgain(said).catch((error: unknown) => {
      this.#stored = undefined;
      if (uplink.closed.aborted) return;
      log.warn({ error: messageOf(error), node: uplink.node.nodeName }, 'what a node measured was not stored');
    });
  }

  /** A node that does not say what it was told is too old to be told. */
  async #tellSite(told: NodeFacts['site']): Promise<void> {
    if (told === undefined || performance.now() < this.#siteDueMs) return;
    const { client, readSite, uplink, log } = this.#options;
    try {
      const site = await readSite(uplink.node.nodeId);
      if (site !== undefined && !isDeepStrictEqual(site, told))
        await client.setSite({ body: site }, { signal: uplink.closed });
      this.#siteDueMs = performance.now() + SITE_COMPARED_MS;
    } catch (error) {
      if (uplink.closed.aborted) return;
      log.warn(
        { error: messageOf(error), node: uplink.node.nodeName },
        'a node was not told its site; tried again later',
      );
    }
  }

  async #tendCertificate(): Promise<void> {
    const { certificates, uplink, log } = this.#options;
    await certificates.tend(uplink.closed).catch((error) => {
      const node = uplink.node.nodeName;
      log.warn({ error: messageOf(error), node }, 'the certificate of a node was not renewed; tried again later');
    });
  }

  async #untilOld(): Promise<void> {
    const { closed } = this.#options.uplink;
    const changed = new AbortController();
    this.#reread = () => {
      this.#reread = () => {};
      changed.abort();
    };
    const signal = AbortSignal.any([closed, changed.signal]);
    await sleep(INTERVAL_MS, undefined, { signal }).catch(() => {}); // ended early: read again, or the loop ends
    if (!changed.signal.aborted) return;
    const settleMs = Math.min(INTERVAL_MS, Math.max(SETTLE_MS, SETTLE_FACTOR * this.#lastReadMs));
    await sleep(settleMs, undefined, { signal: closed }).catch(() => {}); // closed: the loop ends
  }

  async #storeTrouble(error: unknown): Promise<void> {
    if (!(error instanceof PlanetLabError)) return; // the database: the next round tells
    const trouble = {
      code: error.code,
      message: `It is connected, but does not answer as it should: ${error.message}`,
    };
    const { facts, uplink, log } = this.#options;
    await this.#storing;
    this.#stored = undefined;
    await facts
      .store({ id: uplink.node.nodeId, trouble })
      .catch((cause) => log.warn({ error: messageOf(cause) }, 'trouble of a node not stored'));
  }
}
