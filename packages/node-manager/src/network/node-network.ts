import { messageOf } from '@planetlab/model';
import type { Host } from '../host/host.ts';
import type { Logger } from '../logger.ts';
import { type NetworkState, networkChange, sameNetwork, wholeRuleset, wholeShaping } from './network-state.ts';

export interface NodeNetworkOptions {
  readonly host: Pick<Host, 'setFirewall' | 'setShaping'>;
  /** What there should be now. */
  readonly desired: () => NetworkState;
  /** Called before classes go, with what they have counted. */
  readonly beforeRemoval: (applied: NetworkState) => Promise<void>;
  /** Called when everything is to be looked at anew. */
  readonly lookAgain: () => void;
  readonly logger: Logger;
}

/**
 * Keeps the node's table and its classes as they should be. A sliver that comes or goes is a small change to both; calls
 * that come while one is made share the next, so that a thousand slivers at once are not a thousand changes.
 */
export interface NodeNetwork {
  /** Names of what there should be and of what was applied last: the same name is the same network. Null when that is not known. */
  desired(): string;
  current(): string | null;
  /** Brings what is to what should be. */
  apply(): Promise<void>;
  /** Resolves when the part of this lease is in force: a sliver's link may then be opened. */
  ensure(index: number, lease: string): Promise<void>;
  /** Applies everything anew next time, in case somebody else has changed it. */
  forget(): void;
  /** What was applied last. */
  applied(): NetworkState | null;
  /** Why nothing is shaped, or null when it is, or need not be. */
  shapingFailure(): string | null;
}

export function createNodeNetwork(options: NodeNetworkOptions): NodeNetwork {
  return new KernelNetwork(options);
}

class KernelNetwork implements NodeNetwork {
  readonly #options: NodeNetworkOptions;
  #applied: NetworkState | null = null;
  #running: Promise<void> = Promise.resolve();
  #waiting: Promise<void> | undefined;
  #shapingFailure: string | null = null;
  #changes = 0;

  constructor(options: NodeNetworkOptions) {
    this.#options = options;
  }

  desired(): string {
    const same = this.#applied !== null && sameNetwork(this.#applied, this.#options.desired());
    return same ? this.#name() : `after ${this.#name()}`;
  }

  current(): string | null {
    return this.#applied === null ? null : this.#name();
  }

  applied(): NetworkState | null {
    return this.#applied;
  }

  shapingFailure(): string | null {
    return this.#shapingFailure;
  }

  forget(): void {
    this.#applied = null;
    this.#options.lookAgain();
  }

  async ensure(index: number, lease: string): Promise<void> {
    if (this.#applied?.slivers.get(index)?.lease !== lease) await this.apply();
  }

  apply(): Promise<void> {
    this.#waiting ??= this.#running
      .catch(() => {}) // its own callers were told
      .then(() => {
        this.#waiting = undefined;
        this.#running = this.#bring();
        return this.#running;
      });
    return this.#waiting;
  }

  readonly #name = (): string => `network ${this.#changes}`;

  async #bring(): Promise<void> {
    const desired = this.#options.desired();
    this.#changes++;
    if (this.#applied !== null && (await this.#change(this.#applied, desired))) this.#applied = desired;
    else await this.#replace(desired);
  }

  /** False when a small change will not do. */
  async #change(applied: NetworkState, desired: NetworkState): Promise<boolean> {
    const { host, logger, beforeRemoval } = this.#options;
    const change = networkChange(applied, desired);
    if (change === undefined) return false;
    try {
      if (change.removesClasses) await beforeRemoval(applied);
      const tree = desired.shaping?.tree;
      const shapes = tree !== undefined && change.shaping.length > 0 && this.#shapingFailure === null;
      await allDone([
        ...(change.ruleset === '' ? [] : [host.setFirewall(change.ruleset)]),
        ...(shapes ? [host.setShaping(tree, change.shaping)] : []),
      ]);
      return true;
    } catch (error) {
      logger.warn({ reason: messageOf(error) }, 'the network is not as it was left: it is applied as a whole');
      return false;
    }
  }

  async #replace(desired: NetworkState): Promise<void> {
    this.#applied = null;
    await this.#options.host.setFirewall(wholeRuleset(desired));
    await this.#shapeAll(desired);
    this.#applied = desired;
  }

  /** A host that cannot shape still runs slivers, and says so. */
  async #shapeAll(desired: NetworkState): Promise<void> {
    const { host, logger } = this.#options;
    if (desired.shaping === null) return;
    const minors = [
      desired.shaping.node.minor,
      ...[...desired.slivers.values()].flatMap(({ shaped }) => shaped?.minor ?? []),
    ];
    try {
      await host.setShaping(desired.shaping.tree, wholeShaping(desired), new Set(minors));
      this.#shapingFailure = null;
    } catch (error) {
      this.#shapingFailure = messageOf(error);
      logger.warn({ reason: this.#shapingFailure }, 'egress is not shaped: slivers share the link as it comes');
    }
  }
}

/** Waits for all, also when one fails: nothing of them goes on behind the back of what comes next. */
async function allDone(changes: readonly Promise<void>[]): Promise<void> {
  for (const result of await Promise.allSettled(changes)) if (result.status === 'rejected') throw result.reason;
}
