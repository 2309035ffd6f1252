import { z } from 'zod';

/**
 * The resources of one sliver (an RSpec). Shares lend idle capacity out; limits are hard.
 * Defaults are the original's where it had them (FACTS: CPU share 1, 256 MiB, 5 GB).
 * Requirement N2. Reservations, egress and ports come with "The node holds".
 */
export const Resources = z
  .object({
    /** Weight among the slivers of a node; 1 is an ordinary sliver's. */
    cpuShares: z.number().int().min(1).max(1000).default(1).describe('CPU weight; an ordinary sliver has 1'),
    memoryMiB: z.number().int().min(16).max(1_048_576).default(256).describe('Memory limit in MiB'),
    diskMiB: z.number().int().min(16).max(67_108_864).default(5000).describe('Disk limit in MiB'),
    processes: z.number().int().min(8).max(100_000).default(512).describe('Most processes and threads at once'),
  })
  .strict();
export type Resources = z.infer<typeof Resources>;
export type ResourcesInput = z.input<typeof Resources>;

export const DEFAULT_RESOURCES: Resources = Resources.parse({});

export const RESOURCE_KEYS = ['cpuShares', 'memoryMiB', 'diskMiB', 'processes'] as const;
export type ResourceKey = (typeof RESOURCE_KEYS)[number];

export const NO_RESOURCES: Resources = { cpuShares: 0, memoryMiB: 0, diskMiB: 0, processes: 0 };

export const addResources = (a: Resources, b: Resources): Resources => combine(a, b, (x, y) => x + y);
export const subtractResources = (a: Resources, b: Resources): Resources => combine(a, b, (x, y) => x - y);

/** The first resource of which `wanted` asks for more than `available`, or undefined when all of it fits. */
export const firstShortage = (wanted: Resources, available: Resources): ResourceKey | undefined =>
  RESOURCE_KEYS.find((key) => wanted[key] > available[key]);

export const sameResources = (a: Resources, b: Resources): boolean => RESOURCE_KEYS.every((key) => a[key] === b[key]);

function combine(a: Resources, b: Resources, f: (x: number, y: number) => number): Resources {
  return {
    cpuShares: f(a.cpuShares, b.cpuShares),
    memoryMiB: f(a.memoryMiB, b.memoryMiB),
    diskMiB: f(a.diskMiB, b.diskMiB),
    processes: f(a.processes, b.processes),
  };
}
