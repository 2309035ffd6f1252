import type { Sliver } from '@planetlab/contract';
import { PlanetLabError } from '@planetlab/model';
import { allPages, type Plc } from '../session/client.ts';
import { usageError } from '../usage.ts';

export interface SliverTarget {
  readonly slice: string;
  readonly node: string;
}

/** `slice@node`, or `slice` alone. */
export function splitTarget(text: string): { readonly slice: string; readonly node: string | undefined } {
  const at = text.indexOf('@');
  return at < 0 ? { slice: text, node: undefined } : { slice: text.slice(0, at), node: text.slice(at + 1) };
}

/** A target that names one sliver; anything else is wrong usage. */
export function sliverTarget(text: string): SliverTarget {
  const { slice, node } = splitTarget(text);
  if (slice === '' || node === undefined || node === '') {
    throw usageError(`${JSON.stringify(text)} does not name a sliver; one is written SLICE@NODE.`);
  }
  return { slice, node };
}

export async function findSliver(plc: Plc, { slice, node }: SliverTarget): Promise<Sliver> {
  const { items } = await plc.client.listSlivers({ query: { slice, node } });
  const [sliver] = items;
  if (sliver !== undefined) return sliver;
  await plc.client.getSlice({ params: { slice } }); // which of the two is unknown? These say it in their own words
  await plc.client.getNode({ params: { node } });
  throw new PlanetLabError('unknown_sliver', `The slice ${slice} is not on the node ${node}.`);
}

export const sliversOf = (plc: Plc, slice: string): Promise<Sliver[]> =>
  allPages((after) => plc.client.listSlivers({ query: { slice, after } }));
