import type { NodeSelection, Operation } from '@planetlab/contract';
import type { NodeName, Principal } from '@planetlab/model';
import type { StoredSlice } from '../slices/store.ts';
import { addSlivers } from '../slivers/store.ts';
import type { Store } from '../store/store.ts';
import { chooseNodes, requestOfSlice } from './choose.ts';
import { findSelector } from './selectors.ts';

export interface Reselection {
  readonly selection: NodeSelection;
  /** Where the slice is placed now besides where it was. */
  readonly added: readonly NodeName[];
  /** That watches the new slivers; undefined when there are none. */
  readonly operation: Operation | undefined;
}

/** How long the slivers elsewhere have to run. */
const DEADLINE_SECONDS = 600;

/**
 * Places a slice elsewhere when nodes leave it: by the selector that it keeps, without the leaving nodes, until it is on as
 * many as the selector says. Undefined when it keeps none: then its people choose. Taking the slivers off the leaving nodes
 * is the caller's, best once the new ones run. Asking again changes nothing.
 */
export async function reselect(
  store: Store,
  actor: Principal,
  slice: StoredSlice,
  leaving: readonly NodeName[],
): Promise<Reselection | undefined> {
  const selector = await findSelector(store.db, slice);
  if (selector === undefined) return undefined;
  const asked = await requestOfSlice(store.db, slice, selector.request);
  const request = { ...asked, exclude: [...new Set([...asked.exclude, ...leaving])] };
  const selection = await chooseNodes(store, request);
  const there = new Set(asked.reuse);
  const added = selection.chosen.filter((node) => !there.has(node));
  if (added.length === 0) return { selection, added, operation: undefined };
  const { operation } = await addSlivers(store, actor, slice, added, DEADLINE_SECONDS);
  return { selection, added, operation };
}
