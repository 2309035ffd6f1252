import { z } from 'zod';

/** A listening port of the node's public address, asked for by a sliver (N4). */
export const PortBinding = z
  .object({ protocol: z.enum(['tcp', 'udp']), port: z.number().int().min(1).max(65_535) })
  .strict();
export type PortBinding = z.infer<typeof PortBinding>;

/**
 * What a sliver may send (N2). Rates in kbit/s (1000 bits). The original's figures: bursts to 100 Mbit/s, and a daily
 * volume of about 10.5 GB, from 80 % of which on the sliver is slowed so that the rest lasts the day, never below its minimum.
 */
export const Egress = z
  .object({
    minKbps: z.number().int().min(1).max(1_000_000).default(8).describe('Guaranteed rate in kbit/s'),
    maxKbps: z.number().int().min(1).max(1_000_000).default(100_000).describe('Highest rate in kbit/s'),
    shares: z.number().int().min(1).max(1000).default(1).describe('Weight when slivers compete for the link'),
    dailyMiB: z.number().int().min(1).max(100_000_000).default(10_000).describe('Volume per day in MiB'),
  })
  .strict()
  .refine(({ minKbps, maxKbps }) => minKbps <= maxKbps, 'the guaranteed rate is not above the highest');
export type Egress = z.infer<typeof Egress>;

/**
 * The resources of one sliver (an RSpec). Shares lend idle capacity out; reservations and minimums always hold; limits are hard.
 * Defaults are the original's where it had them (FACTS: CPU share 1, 256 MiB, 5 GB). Requirement N2.
 */
export const Resources = z
  .object({
    /** Weight among the slivers of a node; 1 is an ordinary sliver's. */
    cpuShares: z.number().int().min(1).max(1000).default(1).describe('CPU weight; an ordinary sliver has 1'),
    cpuReservedMillis: z
      .number()
      .int()
      .min(0)
      .max(256_000)
      .default(0)
      .describe('Guaranteed CPU in thousandths of a core'),
    memoryMiB: z.number().int().min(16).max(1_048_576).default(256).describe('Memory limit in MiB'),
    diskMiB: z.number().int().min(16).max(67_108_864).default(5000).describe('Disk limit in MiB'),
    processes: z.number().int().min(8).max(100_000).default(512).describe('Most processes and threads at once'),
    egress: Egress.prefault({}),
    newFlowsPerSecond: z.number().int().min(1).max(100_000).default(200).describe('New flows per second, out'),
    ports: z
      .array(PortBinding)
      .max(64)
      .refine((ports) => new Set(ports.map(portKey)).size === ports.length, 'a port is asked for once')
      .default([])
      .describe('Listening ports of the node that lead to this sliver'),
  })
  .strict();
export type Resources = z.infer<typeof Resources>;
export type ResourcesInput = z.input<typeof Resources>;

const { shape } = Resources;

/** A part of resources, to be put in the place of what was there; egress in parts too. */
export const ResourcesChange = z
  .object({
    cpuShares: shape.cpuShares.unwrap(),
    cpuReservedMillis: shape.cpuReservedMillis.unwrap(),
    memoryMiB: shape.memoryMiB.unwrap(),
    diskMiB: shape.diskMiB.unwrap(),
    processes: shape.processes.unwrap(),
    egress: z
      .object({
        minKbps: Egress.shape.minKbps.unwrap(),
        maxKbps: Egress.shape.maxKbps.unwrap(),
        shares: Egress.shape.shares.unwrap(),
        dailyMiB: Egress.shape.dailyMiB.unwrap(),
      })
      .partial()
      .strict(),
    newFlowsPerSecond: shape.newFlowsPerSecond.unwrap(),
    ports: shape.ports.unwrap(),
  })
  .partial()
  .strict();
export type ResourcesChange = z.infer<typeof ResourcesChange>;

export const DEFAULT_RESOURCES: Resources = Resources.parse({});

/** `tcp/80`, as people write it. */
export const portKey = ({ protocol, port }: PortBinding): string => `${protocol}/${port}`;

/** What of resources adds up over the slivers of a node, and may not exceed what the node has. */
export const ResourceSums = z.object({
  cpuReservedMillis: z.number().int().min(0),
  memoryMiB: z.number().int().min(0),
  diskMiB: z.number().int().min(0),
  processes: z.number().int().min(0),
  egressMinKbps: z.number().int().min(0),
});
export type ResourceSums = z.infer<typeof ResourceSums>;

export const RESOURCE_KEYS = ['cpuReservedMillis', 'memoryMiB', 'diskMiB', 'processes', 'egressMinKbps'] as const;
export type ResourceKey = (typeof RESOURCE_KEYS)[number];

export const NO_RESOURCES: ResourceSums = {
  cpuReservedMillis: 0,
  memoryMiB: 0,
  diskMiB: 0,
  processes: 0,
  egressMinKbps: 0,
};

export const sumsOf = (resources: Resources): ResourceSums => ({
  cpuReservedMillis: resources.cpuReservedMillis,
  memoryMiB: resources.memoryMiB,
  diskMiB: resources.diskMiB,
  processes: resources.processes,
  egressMinKbps: resources.egress.minKbps,
});

export const addResources = (a: ResourceSums, b: ResourceSums): ResourceSums => combine(a, b, (x, y) => x + y);
export const subtractResources = (a: ResourceSums, b: ResourceSums): ResourceSums => combine(a, b, (x, y) => x - y);

/** Resources after a change. Throws ZodError when the parts do not fit together, such as a minimum above a maximum. */
export const changedResources = (before: Resources, change: ResourcesChange): Resources =>
  Resources.parse({ ...before, ...defined(change), egress: { ...before.egress, ...defined(change.egress ?? {}) } });

const defined = (values: object): object =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

/** Whether two RSpecs ask for the same; ports in any order. */
export const sameResources = (a: Resources, b: Resources): boolean =>
  // brokers ask this of every sliver again and again, and mostly they are the same word for word
  a === b || resourcesText(a) === resourcesText(b) || JSON.stringify(canonical(a)) === JSON.stringify(canonical(b));

/** The members that are not parted further. */
type Plain = Exclude<keyof Resources, 'egress' | 'ports'>;
const PLAIN = Object.keys(shape).filter((key): key is Plain => key !== 'egress' && key !== 'ports');
const EGRESS = Object.keys(Egress.shape) as (keyof Egress)[]; // by what an object schema's shape is

/** Short, and the same for the same; ports in the order in which they are. Members have one order, which the database does not keep. */
export const resourcesText = (resources: Resources): string =>
  [
    ...PLAIN.map((key) => resources[key]),
    ...EGRESS.map((key) => resources.egress[key]),
    ...resources.ports.map(portKey),
  ].join(' ');

const canonical = (resources: Resources) => {
  const parsed = Resources.parse(resources); // members in the order of the schema
  return { ...parsed, ports: parsed.ports.map(portKey).toSorted() };
};

function combine(a: ResourceSums, b: ResourceSums, f: (x: number, y: number) => number): ResourceSums {
  return {
    cpuReservedMillis: f(a.cpuReservedMillis, b.cpuReservedMillis),
    memoryMiB: f(a.memoryMiB, b.memoryMiB),
    diskMiB: f(a.diskMiB, b.diskMiB),
    processes: f(a.processes, b.processes),
    egressMinKbps: f(a.egressMinKbps, b.egressMinKbps),
  };
}
