import { existsSync } from 'node:fs';
import {
  type Command,
  type CommandRunner,
  createNetworkNamespace,
  deleteLink,
  deleteNetworkNamespace,
  inNamespace,
  listLinks,
  listNetworkNamespaces,
  namespacePath,
  withNetworkNamespace,
} from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';
import { hubDevice, type LabLayout, type LabNode, MAX_SUBNET_INDEX, NODE_DEVICE, namespacePrefix } from './layout.ts';

/** Whether this machine speaks IPv6; without it slivers have IPv4 behind their node's address, and no more. */
export const hostHasIpv6 = (): boolean => existsSync('/proc/sys/net/ipv6');

/**
 * Makes what the lab's machines are to the network: a namespace for each node with a TUN device in it, the hub's device
 * in the root namespace, addresses and routes. May be called again: it makes what is missing.
 */
export async function ensureNetwork(layout: LabLayout, runner: CommandRunner, ipv6: boolean): Promise<void> {
  for (const node of layout.nodes) {
    await createNetworkNamespace(node.namespace, runner);
    const links = withNetworkNamespace(namespacePath(node.namespace), listLinks);
    await runner.run({
      argv: prefixed(inNamespace(node.namespace), ['ip', '-batch', '-']),
      input: nodeBatch(node, links.includes(NODE_DEVICE), ipv6),
    });
  }
  await runner.run({
    argv: ['ip', '-batch', '-'],
    input: hubBatch(layout, listLinks().includes(layout.hub.device), ipv6),
  });
}

/** Removes all of it, by the lab's name alone, whatever is there. May be called again. */
export async function removeNetwork(labName: string, runner: CommandRunner): Promise<void> {
  await deleteLink(hubDevice(labName));
  for (const name of labNamespaces(labName)) await deleteNetworkNamespace(name, runner);
}

export const labNamespaces = (labName: string): readonly string[] =>
  listNetworkNamespaces().filter((name) => name.startsWith(namespacePrefix(labName)));

/** Lines for `ip -batch` in a node's namespace. */
export function nodeBatch(node: LabNode, hasDevice: boolean, ipv6: boolean): string {
  return lines([
    'link set dev lo up',
    ...deviceLines(NODE_DEVICE, hasDevice),
    `address replace ${node.ipv4}/32 dev ${NODE_DEVICE}`,
    `route replace default dev ${NODE_DEVICE} src ${node.ipv4}`,
    ...(ipv6
      ? [
          `address replace ${node.ipv6}/128 dev ${NODE_DEVICE} nodad`,
          `route replace ::/0 dev ${NODE_DEVICE} src ${node.ipv6}`,
        ]
      : []),
  ]);
}

/** Lines for `ip -batch` in the root namespace: only the lab's own ranges are routed to the lab. */
export function hubBatch({ hub, ipv4Range, ipv6Range }: LabLayout, hasDevice: boolean, ipv6: boolean): string {
  return lines([
    ...deviceLines(hub.device, hasDevice),
    `address replace ${hub.ipv4}/32 dev ${hub.device}`,
    `route replace ${ipv4Range} dev ${hub.device} src ${hub.ipv4}`,
    ...(ipv6
      ? [
          `address replace ${hub.ipv6}/128 dev ${hub.device} nodad`,
          `route replace ${ipv6Range} dev ${hub.device} src ${hub.ipv6}`,
        ]
      : []),
  ]);
}

/** The device persists without a process at its other end, so that the network's process may be started anew. */
const deviceLines = (device: string, exists: boolean): string[] => [
  ...(exists ? [] : [`tuntap add dev ${device} mode tun`]),
  `link set dev ${device} addrgenmode none`,
  `link set dev ${device} up`,
];

const lines = (list: readonly string[]): string => `${list.join('\n')}\n`;

/** Finds an X for which neither 198.18.X.0/24 nor fd70:6c61:X::/48 is in use on this machine. */
export async function freeSubnet(runner: CommandRunner): Promise<number> {
  const outputs = await Promise.all(
    [
      ['ip', '-4', 'address', 'show'],
      ['ip', '-4', 'route', 'show', 'table', 'all'],
      ['ip', '-6', 'route', 'show', 'table', 'all'],
    ].map(([program, ...args]) => runner.run({ argv: [program ?? 'ip', ...args] })),
  );
  const used = usedSubnets(outputs.map((output) => output.stdout).join('\n'));
  for (let index = 1; index <= MAX_SUBNET_INDEX; index++) if (!used.has(index)) return index;
  throw new PlanetLabError(
    'insufficient_resources',
    'Every network 198.18.X.0/24 is in use on this machine: take a lab down with `pl lab down`.',
  );
}

/** The X of every lab network that the text mentions. */
export const usedSubnets = (text: string): ReadonlySet<number> =>
  new Set(
    [...text.matchAll(/\b(?:198\.18\.(\d{1,3})\.|fd70:6c61:(\d{1,3}):)/g)].map((match) => Number(match[1] ?? match[2])),
  );

/** Arguments of a command with others before them. */
export const prefixed = (prefix: readonly string[], argv: readonly string[]): Command['argv'] => {
  const [first, ...rest] = [...prefix, ...argv];
  if (first === undefined) throw new TypeError('a command has at least one word');
  return [first, ...rest];
};
