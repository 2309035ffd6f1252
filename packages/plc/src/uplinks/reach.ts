import type { ClientHttp2Session } from 'node:http2';
import { type NodeId, type NodeName, PlanetLabError } from '@planetlab/model';
import { getNode } from '../nodes/store.ts';
import type { Store } from '../store/store.ts';
import type { Uplink } from './uplink.ts';

/** A way to ask a node: the session to use, and what every request on it carries besides its own headers. */
export interface NodeLink {
  readonly session: ClientHttp2Session;
  /** Says which node is meant, where the session leads to the process that holds the node's uplink. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Finds uplinks, those of other processes of this authority included. */
export interface UplinkFinder {
  /** An uplink that this process holds. */
  get(node: NodeId): Uplink | undefined;
  /** The way through the process that holds it; undefined when none does. Throws `node_unreachable`. */
  elsewhere(node: NodeId): Promise<NodeLink | undefined>;
}

/** The way to a node, whichever process holds its uplink. Throws `node_unreachable`, which says why there is none. */
export async function reachNode(
  { store, uplinks }: { readonly store: Store; readonly uplinks: UplinkFinder },
  name: NodeName,
  id: NodeId,
): Promise<NodeLink> {
  const link = uplinks.get(id) ?? (await uplinks.elsewhere(id));
  if (link !== undefined) return link;
  const node = await getNode(store.db, name, store.now());
  const why = node.state === 'connected' ? 'It is just connecting; try again.' : (node.reason?.message ?? '');
  throw new PlanetLabError('node_unreachable', `The node "${name}" cannot be reached. ${why}`, {
    details: { node: id },
  });
}
