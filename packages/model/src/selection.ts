import { z } from 'zod';
import { NodeName } from './names.ts';
import { ResourceSums } from './resources.ts';

/** What chosen nodes are spread over: as evenly as there are nodes for; by `latency`, as far from each other as possible. */
export const SpreadBy = z.enum(['site', 'country', 'as', 'latency']);
export type SpreadBy = z.infer<typeof SpreadBy>;

/** A place on Earth, or the place of a node. Degrees, WGS 84. */
export const Near = z.union(
  [
    z.object({ latitude: z.number().min(-90).max(90), longitude: z.number().min(-180).max(180) }).strict(),
    z.object({ node: NodeName }).strict(),
  ],
  'it has to be a latitude and a longitude in degrees, or a node by its name',
);
export type Near = z.infer<typeof Near>;

const MOST_NODES = 10_000;
const nodeNames = z.array(NodeName).max(MOST_NODES);

/** Which nodes are wanted (P5). The same in the API, the command line and for brokers; docs/selection.md explains it. */
export const SelectionRequest = z
  .object({
    where: z
      .string()
      .trim()
      .min(1)
      .max(2000)
      .default('true')
      .describe('A CEL expression over the attributes of a node, such as: country == "CH" && memory_free_mib > 1000'),
    count: z
      .number()
      .int()
      .min(1)
      .max(MOST_NODES)
      .nullable()
      .default(null)
      .describe('How many; null for all that match'),
    min: z.number().int().min(1).max(MOST_NODES).default(1).describe('With fewer than this, none is chosen'),
    spread: SpreadBy.nullable().default(null).describe('Over what to spread them'),
    near: Near.nullable()
      .default(null)
      .describe('Prefer nodes near this; distance_km and latency_ms are counted from it'),
    reuse: nodeNames.default([]).describe('Taken first, as long as they match'),
    exclude: nodeNames.default([]).describe('Never taken'),
    needs: ResourceSums.nullable().default(null).describe('What a node must have free; null for anything'),
    anyState: z.boolean().default(false).describe('Also nodes that are not in service'),
  })
  .strict();
export type SelectionRequest = z.infer<typeof SelectionRequest>;
export type SelectionRequestInput = z.input<typeof SelectionRequest>;

/** Seeds the draw among nodes that are equally good: the same nodes, request and seed give the same choice. */
export const SelectionSeed = z.number().int().min(0).max(4_294_967_295);
