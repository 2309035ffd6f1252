import { availableParallelism } from 'node:os';
import type { NodeSliver, SliverUsage } from '@planetlab/contract';
import { type Instant, type Resources, type SliceName, toInstant } from '@planetlab/model';
import { asMachineId, type Vmm } from '@planetlab/vmm';
import type { Host } from '../host/host.ts';
import type { EgressUse } from '../network/egress-use.ts';
import type { NodeStore } from '../store/store.ts';
import { guaranteedMillis } from './cpu-weights.ts';

export interface UsageOptions {
  readonly store: Pick<NodeStore, 'liveLeases'>;
  readonly vmm: Pick<Vmm, 'stats'>;
  readonly host: Pick<Host, 'diskUse'>;
  readonly egressUse: (slice: SliceName, resources: Resources) => Promise<EgressUse | undefined>;
  readonly now: () => number;
}

/** What a sliver uses now, beside what it may. Throws `sliver_not_running`. */
export async function sliverUsage(options: UsageOptions, sliver: NodeSliver): Promise<SliverUsage> {
  const { store, vmm, host, now } = options;
  const { slice, resources } = sliver;
  const stats = await vmm.stats(asMachineId(slice));
  const egress = await options.egressUse(slice, resources);
  const claims = store.liveLeases().map(({ lease }) => lease.resources);
  return {
    at: toInstant(now()),
    resources,
    cpu: {
      usedMs: Math.round(stats.cpuMs),
      waitedMs: rounded(stats.cpuWaitedMs),
      guaranteedMillis: Math.round(guaranteedMillis(resources, claims, availableParallelism())),
    },
    memory: {
      usedMiB: stats.memoryMiB,
      peakMiB: stats.memoryPeakMiB,
      waitedMs: rounded(stats.memoryWaitedMs),
      atLimit: stats.memoryAtLimit,
      killed: stats.memoryKills,
    },
    processes: { used: stats.processes, refused: stats.processesRefused },
    disk: host.diskUse(slice, resources.diskMiB),
    ...(egress === undefined ? {} : { egress: { ...egress, slowedSince: slowedSince(sliver, egress.ceilKbps) } }),
    notices: sliver.notices ?? [],
  };
}

const rounded = (ms: number | null): number | null => (ms === null ? null : Math.round(ms));

/** When its people were told; null for one that sends as fast as it asked for. */
function slowedSince({ resources, notices = [] }: NodeSliver, ceilKbps: number): Instant | null {
  if (ceilKbps >= resources.egress.maxKbps) return null;
  return notices.findLast(({ code }) => code === 'slowed_down')?.at ?? null;
}
