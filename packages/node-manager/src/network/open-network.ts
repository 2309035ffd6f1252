import { isDeepStrictEqual } from 'node:util';
import type { HostFeature } from '@planetlab/contract';
import { DEFAULT_RESOURCES, messageOf, type Resources, SECOND_MS, type SliceName } from '@planetlab/model';
import type { NodeConfig } from '../config.ts';
import type { Host } from '../host/host.ts';
import type { Logger } from '../logger.ts';
import { linkName, type NodeNames } from '../paths.ts';
import { Rounds } from '../rounds.ts';
import { addressesOf } from '../slivers/addresses.ts';
import { renderFirewall, sliverElements } from '../slivers/firewall.ts';
import type { NodeStore, SliverRow, StoredLease } from '../store/store.ts';
import { createRateMeter } from './egress-rate.ts';
import { type EgressUse, egressUse } from './egress-use.ts';
import type { HostNetwork, MachineNetwork } from './host-network.ts';
import type { NetworkState, SliverNetwork } from './network-state.ts';
import { createNodeNetwork, type NodeNetwork } from './node-network.ts';
import { nodeShaping, shapedClass } from './shaping.ts';
import { createVolumeMeter, type VolumeMeter, type VolumeStore } from './volume-meter.ts';

export interface OpenNetworkOptions {
  readonly config: NodeConfig;
  readonly names: NodeNames;
  readonly host: Host;
  readonly store: Pick<NodeStore, 'slivers'> & VolumeStore;
  readonly machine: MachineNetwork;
  readonly logger: Logger;
  readonly now: () => number;
  /** Tells the people of a slice something about its sliver here. */
  readonly tell: (slice: SliceName, code: string, message: string) => void;
}

/** The node's network while its manager runs. */
export interface OpenNetwork {
  readonly network: NodeNetwork;
  readonly meter: VolumeMeter;
  /** Takes what was sent, slows who has sent too much, and sees whether the machine stands in other networks by now. */
  measure(): Promise<void>;
  /** What a sliver sends. */
  use(slice: SliceName, resources: Resources): Promise<EgressUse | undefined>;
  feature(): HostFeature;
  /** Measures from time to time. */
  start(): void;
  close(): Promise<void>;
}

const MEASURED_EVERY_MS = 10 * SECOND_MS;

export function openNetwork(options: OpenNetworkOptions): OpenNetwork {
  const { store, now, host, logger } = options;
  const tell = (slice: SliceName, message: string) => options.tell(slice, 'slowed_down', message);
  const meter = createVolumeMeter({ store, now, tell });
  const state = stateOf(options, meter);
  const rates = createRateMeter(now);
  const take = async (applied: NetworkState | null) => {
    if (applied?.shaping == null) return false;
    const slivers = await meteredSlivers(applied, host, store);
    rates.take(slivers);
    return meter.take(slivers);
  };
  const network = createNodeNetwork({
    ...{ host, logger, desired: state.desired, lookAgain: state.lookAgain },
    beforeRemoval: async (applied) => void (await take(applied)),
  });
  const measure = async () => {
    if (state.hasMoved()) await network.apply();
    if (network.shapingFailure() === null && (await take(network.applied()))) await network.apply();
  };
  const uncounted = (error: unknown) =>
    logger.warn({ reason: messageOf(error) }, 'what slivers have sent could not be counted');
  let rounds: Rounds | undefined;
  return {
    network,
    meter,
    measure,
    use: (slice, resources) => egressUse({ host, network, meter, rates }, slice, resources),
    feature: () => shapingFeature(network, state.device()),
    start() {
      rounds = new Rounds(MEASURED_EVERY_MS, () => measure().catch(uncounted));
    },
    async close() {
      await rounds?.[Symbol.asyncDispose]();
    },
  };
}

/** What was made of a lease, and by what. */
interface Kept {
  readonly stored: StoredLease;
  readonly kbps: number;
  readonly part: SliverNetwork;
}

/** What there should be, from the leases and the machine. */
function stateOf({ config, names, store, machine }: OpenNetworkOptions, meter: VolumeMeter) {
  let seen: HostNetwork | undefined;
  let kept = new Map<number, Kept>();
  const hostNetwork = (): HostNetwork => {
    if (seen?.device === undefined) seen = machine.read();
    return seen;
  };
  const part = (row: SliverRow, before: Kept | undefined, shaped: boolean): Kept => {
    const { egress } = row.stored.lease.resources;
    const kbps = shaped ? meter.ceilKbps(row.slice, egress) : 0;
    if (before?.stored === row.stored && before.kbps === kbps) return before;
    return { stored: row.stored, kbps, part: sliverNetwork(row, { config, names, kbps }) };
  };
  return {
    device: () => hostNetwork().device,
    lookAgain() {
      seen = undefined;
      kept = new Map();
    },
    /** Whether the machine stands elsewhere than it was seen to: it is then looked at anew. */
    hasMoved(): boolean {
      if (seen === undefined || isDeepStrictEqual(seen.attached, machine.attached())) return false;
      seen = undefined;
      return true;
    },
    desired(): NetworkState {
      const { device, ...here } = hostNetwork();
      const rows = store.slivers();
      const before = kept;
      kept = new Map();
      const slivers = new Map<number, SliverNetwork>();
      for (const row of rows) {
        const each = part(row, before.get(row.index), device !== undefined);
        kept.set(row.index, each);
        slivers.set(row.index, each.part);
      }
      const publicIpv4 = config.ipv4 === here.sharedIpv4 ? null : config.ipv4;
      return {
        table: names.table,
        ruleset: renderFirewall({ ...config, ...here, names, publicIpv4 }),
        shaping: device === undefined ? null : nodeShaping(device, config.egressKbps),
        slivers,
      };
    },
  };
}

/** A sliver whose lease has ended and that is being removed keeps its mark, and loses its ports at once. */
function sliverNetwork(
  { slice, index, stored }: SliverRow,
  { config, names, kbps }: { readonly config: NodeConfig; readonly names: NodeNames; readonly kbps: number },
): SliverNetwork {
  const { id, resources } = stored.lease;
  const ports = stored.endedAtMs === null ? resources.ports : [];
  const { ipv4 } = addressesOf(config, index);
  const { newFlowsPerSecond, egress } = resources;
  return {
    slice,
    lease: id,
    elements: sliverElements({ index, link: linkName(names, index), ipv4, newFlowsPerSecond, ports }),
    shaped: kbps === 0 ? null : shapedClass(index, { ...egress, maxKbps: kbps }, config.egressKbps),
  };
}

/** The slivers as they were applied, with what their classes have counted. */
async function meteredSlivers(applied: NetworkState, host: Host, store: Pick<NodeStore, 'slivers'>) {
  if (applied.shaping === null) return [];
  const counted = await host.classCounters(applied.shaping.tree);
  const egress = new Map(store.slivers().map(({ slice, stored }) => [slice, stored.lease.resources.egress]));
  return [...applied.slivers].flatMap(([index, { slice, lease }]) => {
    const [counters, asked] = [counted.get(index), egress.get(slice) ?? DEFAULT_RESOURCES.egress];
    return counters === undefined ? [] : [{ slice, lease, egress: asked, counters }];
  });
}

function shapingFeature(network: NodeNetwork, device: string | undefined): HostFeature {
  const failure = network.shapingFailure();
  const missing = device === undefined ? 'there is no default route, and config.json names no egressDevice' : failure;
  return {
    feature: 'egress-shaping',
    available: missing === null,
    reason: missing ?? `HTB on ${device}`,
  };
}
