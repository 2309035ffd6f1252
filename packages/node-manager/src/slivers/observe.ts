import { LeaseId, SliceName } from '@planetlab/model';
import { asMachineId, type MachineLimits, type Vmm } from '@planetlab/vmm';
import type { Host } from '../host/host.ts';
import type { DesiredSliver, ObservedSliver } from './steps.ts';

/** One sliver as kernel and disk have it. Starts no process. */
export async function observeSliver(
  { host, vmm }: { readonly host: Host; readonly vmm: Vmm },
  slice: string,
  index: number | null,
  desired?: DesiredSliver,
): Promise<ObservedSliver> {
  const seen = host.observe(slice, index);
  const machine = await vmm.status(asMachineId(slice));
  const debris = machine === undefined && host.hasDebris(slice);
  return {
    slice,
    index,
    volume: seen.volume === null ? null : (LeaseId.safeParse(seen.volume).data ?? 'unknown'),
    mounted: seen.mounted,
    rootMounted: seen.rootMounted,
    machine: machine?.state ?? (debris ? 'debris' : 'none'),
    limited: machine === undefined || desired === undefined || (await hasLimits({ host, vmm }, desired)),
    told: machine === undefined || desired === undefined || seen.about === desired.about,
    link: seen.link,
  };
}

const hasLimits = async ({ host, vmm }: { readonly host: Host; readonly vmm: Vmm }, sliver: DesiredSliver) =>
  (await vmm.hasLimits(asMachineId(sliver.slice), machineLimits(sliver))) &&
  host.volumeHolds(sliver.slice, sliver.resources.diskMiB);

/** What the VMM bounds of a sliver. */
export const machineLimits = ({
  resources,
  cpuWeight,
}: Pick<DesiredSliver, 'resources' | 'cpuWeight'>): MachineLimits => ({
  cpuShares: cpuWeight,
  memoryMiB: resources.memoryMiB,
  processes: resources.processes,
  // shares decide how much, not how soon: who has a reservation is not to wait for those without
  prompt: resources.cpuReservedMillis > 0,
});

/**
 * What there is on the host of slivers that the store does not know, and links that belong to none it knows. What else
 * lies in our folders, and is not named like a slice, was put there by a person.
 */
export async function observeLeftovers(
  { host, vmm }: { readonly host: Host; readonly vmm: Vmm },
  known: { readonly slices: ReadonlySet<string>; readonly indices: ReadonlySet<number> },
): Promise<{ readonly slices: readonly string[]; readonly links: readonly number[] }> {
  const inventory = host.inventory();
  const machines: readonly string[] = await vmm.ids();
  return {
    slices: [...new Set([...inventory.slices, ...machines])].filter(
      (slice) => SliceName.safeParse(slice).success && !known.slices.has(slice),
    ),
    links: inventory.links.filter((index) => !known.indices.has(index)),
  };
}
