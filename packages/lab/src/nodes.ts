import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { inNamespace } from '@planetlab/linux';
import { plausibleRttMs } from '@planetlab/model';
import type { LabEnvironment, LabPaths } from './environment.ts';
import type { LabLayout, LabNode } from './layout.ts';
import { prefixed } from './network.ts';
import type { PlcAccess } from './plc.ts';
import { runMarked, type StartedProcess, startDetached } from './processes.ts';
import type { LabMode } from './types.ts';
import { mapBounded, waitUntil } from './wait.ts';

export const DEMO_SITE = 'demo';
const JOIN_TIMEOUT_MS = 60_000;
/** Starting a program is work for a processor; more at once than there are only makes all of them late. */
const STARTS_AT_ONCE = 4;

/** Everything that the work on nodes needs. */
export interface NodesContext {
  readonly environment: LabEnvironment;
  readonly paths: LabPaths;
  readonly layout: LabLayout;
  readonly mode: LabMode;
  readonly ipv6: boolean;
  readonly signal: AbortSignal;
}

/** Invites, joins and starts all nodes, the same way as a person would with real machines. */
export async function startNodes(context: NodesContext, plc: PlcAccess): Promise<readonly StartedProcess[]> {
  return mapBounded(context.layout.nodes, STARTS_AT_ONCE, async (node) => {
    await plc.client.createNode({ body: { name: node.name, site: DEMO_SITE, place: node.place } });
    const { token } = await plc.client.inviteNode({ params: { node: node.name }, body: {} });
    return joinAndStart(context, node, token);
  });
}

async function joinAndStart(context: NodesContext, node: LabNode, token: string): Promise<StartedProcess> {
  const { environment, paths } = context;
  const { programs } = environment;
  const state = nodeState(paths, node);
  await mkdir(state, { recursive: true, mode: 0o700 });
  await writeFile(join(state, 'config.json'), `${JSON.stringify(nodeConfig(context, node), null, 2)}\n`);
  const prefix = context.mode === 'real' ? inNamespace(node.namespace) : [];
  await runMarked(environment, paths, {
    argv: prefixed(prefix, [programs.node, programs.nodeManager, 'join', '-', '--state', state]),
    input: token, // never an argument: those can be read by everyone on the machine
    timeoutMs: JOIN_TIMEOUT_MS,
  });
  const argv = prefixed(prefix, [programs.node, programs.nodeManager, 'run', '--state', state]);
  return startDetached(paths, { name: `node-${node.name}`, what: `the node manager of ${node.name}` }, argv);
}

export const nodeState = (paths: LabPaths, node: { readonly name: string }): string => join(paths.nodes, node.name);

/**
 * What stands in the node's `config.json`. In a simulated lab nodes have only their uplink; addresses and distances are
 * what their slivers are told.
 */
export function nodeConfig({ environment, layout, mode, ipv6 }: Omit<NodesContext, 'paths' | 'signal'>, node: LabNode) {
  const common = {
    imagesDir: environment.imagesDirectory,
    idBase: node.idBase,
    place: node.place,
    nodeTag: nodeTag(layout.name, node.name),
  };
  if (mode === 'simulated') {
    const { ipv6Prefix } = node;
    const simulatedRttMs = Object.fromEntries(
      layout.nodes.map((other) => [other.ipv6Prefix, Math.round(plausibleRttMs(node.place, other.place) * 10) / 10]),
    );
    return { ...common, vmm: 'simulated', ipv4: null, ipv6Prefix, apiListen: null, sshListen: null, simulatedRttMs };
  }
  return {
    ...common,
    vmm: 'oci',
    ipv4: node.ipv4,
    ipv6Prefix: ipv6 ? node.ipv6Prefix : null,
    // the pretended Internet consists of private addresses
    openToSlivers: [layout.ipv4Range, layout.ipv6Range],
    apiListen: `${node.ipv4}:8443`,
    sshListen: `${node.ipv4}:22`,
  };
}

/** By this a node's cgroups, mounts and tables are told from those of others: the same whenever this lab is made. */
export const nodeTag = (labName: string, nodeName: string): string =>
  createHash('sha256').update(`lab ${labName} ${nodeName}`).digest('hex').slice(0, 8);

/** Waits until every node's uplink is open. */
export async function waitForNodes({ layout, signal }: NodesContext, plc: PlcAccess): Promise<void> {
  await waitUntil(
    async () => {
      const { items } = await plc.client.listNodes({ query: {} });
      const connected = new Set(items.filter((node) => node.state === 'connected').map((node) => node.name));
      return layout.nodes.every((node) => connected.has(node.name)) ? true : undefined;
    },
    { what: 'all nodes to connect', timeoutMs: 60_000, pollMs: 50, signal },
  );
}
