import type { SliverUsage } from '@planetlab/contract';
import type { Resources, SliceName } from '@planetlab/model';
import type { Host } from '../host/host.ts';
import { FLOWS_PER_SLIVER } from '../slivers/firewall.ts';
import type { RateMeter } from './egress-rate.ts';
import type { NodeNetwork } from './node-network.ts';
import type { VolumeMeter } from './volume-meter.ts';

/** Since when it is slowed is known by what its people were told. */
export type EgressUse = Omit<NonNullable<SliverUsage['egress']>, 'slowedSince'>;

export interface EgressUseOptions {
  readonly host: Pick<Host, 'classCounters' | 'refusedPackets' | 'countFlows'>;
  readonly network: Pick<NodeNetwork, 'applied' | 'shapingFailure'>;
  readonly meter: VolumeMeter;
  readonly rates: RateMeter;
}

const BYTES_PER_MIB = 1024 * 1024;

/** What a sliver sends, or undefined where nothing is shaped and so nothing counted. */
export async function egressUse(
  { host, network, meter, rates }: EgressUseOptions,
  slice: SliceName,
  { egress }: Resources,
): Promise<EgressUse | undefined> {
  const applied = network.applied();
  const [index] = [...(applied?.slivers ?? [])].find(([, sliver]) => sliver.slice === slice) ?? [];
  if (applied?.shaping == null || index === undefined || network.shapingFailure() !== null) return undefined;
  const [classes, refused, flows] = await Promise.all([
    host.classCounters(applied.shaping.tree),
    host.refusedPackets(),
    host.countFlows(index),
  ]);
  const counters = classes.get(index);
  return {
    sentTodayMiB: Number((meter.usage(slice).sentBytes / BYTES_PER_MIB).toFixed(2)),
    ceilKbps: meter.ceilKbps(slice, egress),
    waited: counters?.throttled ?? 0,
    dropped: counters?.droppedPackets ?? 0,
    refusedFlows: refused.get(index) ?? 0,
    rateKbps: rates.kbps(slice),
    flows: flows === undefined ? null : { used: flows, limit: FLOWS_PER_SLIVER },
  };
}
