import type { DesiredSliver } from '../slivers/steps.ts';
import { readCapacity } from './capacity.ts';
import type { Host } from './host.ts';

interface Pretended {
  lease: string;
  mounted: boolean;
  about?: string;
}

/** A host that only remembers what it was told: for machines without root, and for thousands of nodes in one process. */
export function createSimulatedHost(options: { readonly stateDir: string; readonly why: string }): Host {
  const volumes = new Map<string, Pretended>();
  const links = new Set<number>();
  const capacity = readCapacity(options.stateDir);
  const rootPath = (slice: string) => `/simulated/${slice}`;
  const aboutFolder = (slice: string) => `/simulated/about/${slice}`;
  return {
    rootPath,
    async mountRoot(sliver: DesiredSliver) {
      volumes.set(sliver.slice, { ...volumes.get(sliver.slice), lease: sliver.lease, mounted: true });
      return rootPath(sliver.slice);
    },
    volumeHolds: () => true,
    async growVolume() {},
    growsVolume: () => true,
    diskUse: (_slice, diskMiB) => ({ bound: 'none', usedMiB: null, limitMiB: diskMiB, files: null, filesLimit: null }),
    async unmountRoot(slice) {
      const volume = volumes.get(slice);
      if (volume !== undefined) volume.mounted = false;
    },
    async removeVolume(slice) {
      volumes.delete(slice);
    },
    async tell(slice, about) {
      const volume = volumes.get(slice);
      if (volume !== undefined) volume.about = about;
    },
    aboutFolder,
    async attachNetwork(sliver) {
      links.add(sliver.index);
    },
    async detachNetwork(index) {
      links.delete(index);
    },
    async setFirewall() {},
    async setShaping() {},
    classCounters: async () => new Map(),
    refusedPackets: async () => new Map(),
    countFlows: async () => undefined,
    observe(slice, index) {
      const volume = volumes.get(slice);
      const mounted = volume?.mounted ?? false;
      return {
        slice,
        volume: volume?.lease ?? null,
        mounted,
        rootMounted: mounted,
        link: index !== null && links.has(index),
        about: volume?.about,
      };
    },
    hasDebris: () => false,
    inventory: () => ({ slices: [...volumes.keys()], links: [...links] }),
    async settle() {},
    capacity: () => capacity,
    sensors: () => ({
      ...{ load: 0, coresIdle: capacity.cpuReservedMillis / 1000 },
      ...{ memoryAvailableMiB: capacity.memoryMiB, diskAvailableMiB: capacity.diskMiB },
    }),
    features: async () => [{ feature: 'containers', available: false, reason: options.why }],
    async purge() {
      volumes.clear();
      links.clear();
    },
  };
}
