import { createNetworkNamespace, deleteNetworkNamespace, inNamespace, systemRunner } from '@planetlab/linux';
import type { TestNetwork } from '../tests/host/node-fixture.ts';

/** The end of the node's link to this machine, where the authority listens (RFC 5737, as all addresses here). */
export const AUTHORITY_IPV4 = '198.51.100.9';
const NODE_UPLINK_IPV4 = '198.51.100.10';
/** A host far away from the node: reached by its default route, on no network of its own. */
export const WORLD_IPV4 = '192.0.2.1';
const WORLD_LINK_IPV4 = '203.0.113.1';
const NODE_LINK_IPV4 = '203.0.113.2';

export interface BenchNetwork extends TestNetwork {
  /** Namespace of the host far away. */
  readonly world: string;
}

/**
 * A namespace for one node, with a link to the authority on this machine and the default route to a world of its own,
 * another namespace: nothing that is measured leaves the two.
 */
export async function createBenchNetwork(name: string): Promise<BenchNetwork> {
  const namespace = `planetlab-bench-${name}`;
  const world = `${namespace}-world`;
  const remove = async () => {
    await deleteNetworkNamespace(namespace, systemRunner);
    await deleteNetworkNamespace(world, systemRunner);
  };
  await remove(); // of an earlier run that was killed
  await createNetworkNamespace(namespace, systemRunner);
  await createNetworkNamespace(world, systemRunner);
  await ip(
    undefined,
    `link add name plbench-uplink type veth peer name eth-uplink netns ${namespace}
address add ${AUTHORITY_IPV4}/30 dev plbench-uplink
link set dev plbench-uplink up
`,
  );
  await ip(
    namespace,
    `link add name eth-world type veth peer name eth0 netns ${world}
link set dev lo up
link set dev eth-uplink up
link set dev eth-world up
address add ${NODE_UPLINK_IPV4}/30 dev eth-uplink
address add ${NODE_LINK_IPV4}/30 dev eth-world
route add default via ${WORLD_LINK_IPV4}
`,
  );
  await ip(
    world,
    `link set dev lo up
link set dev eth0 up
address add ${WORLD_LINK_IPV4}/30 dev eth0
address add ${WORLD_IPV4}/32 dev lo
`,
  );
  return { namespace, world, [Symbol.asyncDispose]: remove };
}

/** Runs a batch of `ip` in a namespace, or in the machine's own. */
export async function ip(namespace: string | undefined, input: string): Promise<void> {
  const enter = namespace === undefined ? [] : inNamespace(namespace);
  await systemRunner.run({ argv: [...enter, 'ip', '-batch', '-'] as [string, ...string[]], input });
}
