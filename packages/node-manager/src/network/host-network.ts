import { isIP } from 'node:net';
import { networkInterfaces } from 'node:os';
import { type AttachedNetworks, attachedNetworks, defaultRouteDevice, type Forwarding } from '@planetlab/linux';
import type { NodeConfig } from '../config.ts';
import { readOptional } from '../files.ts';
import { forwardedBefore } from '../host/forwarding.ts';
import type { NodeNames } from '../paths.ts';

/** What the node's network is made from that only the machine itself can tell. */
export interface HostNetwork {
  /** Over which slivers reach the world; undefined while there is none. */
  readonly device: string | undefined;
  /** The node's IPv4 address as it stands on the machine. */
  readonly sharedIpv4: string | null;
  readonly resolvers: readonly string[];
  /** What the machine passes on that has nothing to do with slivers. */
  readonly router: Forwarding;
  /** The networks that the node itself stands in: they are its site's. */
  readonly attached: AttachedNetworks;
}

function readHostNetwork(
  { egressDevice, ipv4 }: Pick<NodeConfig, 'egressDevice' | 'ipv4'>,
  names: Pick<NodeNames, 'forwardedBefore'>,
  resolvConfPath: string | undefined,
): HostNetwork {
  const device = egressDevice ?? defaultRouteDevice();
  const interfaces = networkInterfaces();
  const addresses = (list: (typeof interfaces)[string] = []) =>
    list.filter(({ family, internal }) => family === 'IPv4' && !internal).map(({ address }) => address);
  const isHere = ipv4 !== null && Object.values(interfaces).some((list) => addresses(list).includes(ipv4));
  const [first] = device === undefined ? [] : addresses(interfaces[device]);
  return {
    device,
    sharedIpv4: isHere ? ipv4 : (first ?? null),
    resolvers: parseResolvers(resolvConfPath === undefined ? '' : (readOptional(resolvConfPath) ?? '')),
    router: forwardedBefore(names.forwardedBefore),
    attached: attachedNetworks(),
  };
}

/** How the machine is looked at, whenever that is needed. */
export interface MachineNetwork {
  read(): HostNetwork;
  /** The part that may change while slivers run; with a thousand of their links `read` takes long. */
  attached(): AttachedNetworks;
}

export const machineNetwork = (
  config: NodeConfig,
  names: NodeNames,
  resolvConfPath: string | undefined,
): MachineNetwork => ({
  read: () => readHostNetwork(config, names, resolvConfPath),
  attached: attachedNetworks,
});

/** Of a node that is simulated: it is not the machine that it runs on. */
export const NO_MACHINE_NETWORK: MachineNetwork = {
  read: () => ({ device: undefined, sharedIpv4: null, resolvers: [], router: AS_IT_IS, attached: NOWHERE }),
  attached: () => NOWHERE,
};
const AS_IT_IS: Forwarding = { ipv4: true, ipv6: true };
const NOWHERE: AttachedNetworks = { networks: [], gateways: [] };

/** Addresses of name servers in a `resolv.conf`, without those that only the machine itself can ask. */
export const parseResolvers = (text: string): readonly string[] => [
  ...new Set(
    [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)]
      .map(([, address = '']) => address)
      .filter((address) => isIP(address) !== 0 && !address.includes('%') && !/^(127\.|::1$|0\.0\.0\.0$)/.test(address)),
  ),
];
