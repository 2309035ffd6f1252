import { type NodeId, type NodeName, PlanetLabError } from '@planetlab/model';
import { getNode } from '../nodes/store.ts';
import type { Store } from '../store/store.ts';
import type { UplinkRegistry } from './registry.ts';
import type { Uplink } from './uplink.ts';

/** The open uplink of a node. Throws `node_unreachable`, which says why there is none. */
export async function reachNode(
  { store, uplinks }: { readonly store: Store; readonly uplinks: Pick<UplinkRegistry, 'get'> },
  name: NodeName,
  id: NodeId,
): Promise<Uplink> {
  const uplink = uplinks.get(id);
  if (uplink !== undefined) return uplink;
  const node = await getNode(store.db, name, store.now());
  const why =
    node.state === 'connected'
      ? 'It is connected to another process of this authority; try again there.'
      : (node.reason?.message ?? '');
  throw new PlanetLabError('node_unreachable', `The node "${name}" cannot be reached. ${why}`, {
    details: { node: id },
  });
}
