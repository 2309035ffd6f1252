import type { Lease } from '@planetlab/credentials';
import { PlanetLabError, type PortBinding, portKey } from '@planetlab/model';
import { OUTGOING_PORTS } from '../slivers/firewall.ts';

export interface PortFacts {
  /** The leases that hold now, without the one that is changed. */
  readonly live: readonly Pick<Lease, 'slice' | 'resources'>[];
  /** Ports that the machine itself listens on. */
  readonly own: ReadonlySet<string>;
}

/**
 * Whether a sliver may have these ports of the node: first come, first served. Throws `conflict`, which names the holder,
 * and `admission_refused` for ports that the node needs itself.
 */
export function admitPorts(wanted: readonly PortBinding[], { live, own }: PortFacts): void {
  for (const binding of wanted) {
    const key = portKey(binding);
    if (own.has(key)) {
      throw new PlanetLabError('admission_refused', `The node itself listens on port ${key}. Ask for another port.`, {
        details: { port: key },
      });
    }
    if (binding.port >= OUTGOING_PORTS.first && binding.port <= OUTGOING_PORTS.last) {
      throw new PlanetLabError(
        'admission_refused',
        `Port ${key} is none that can be bound: ${OUTGOING_PORTS.first} to ${OUTGOING_PORTS.last} are for connections that slivers begin. Ask for a port outside of that range.`,
        { details: { port: key } },
      );
    }
    const holder = live.find(({ resources }) => resources.ports.some((port) => portKey(port) === key));
    if (holder !== undefined) {
      throw new PlanetLabError(
        'conflict',
        `Port ${key} of this node is bound to ${holder.slice}. Ask for another port, or choose another node.`,
        { details: { port: key, holder: holder.slice } },
      );
    }
  }
}
