import { type PlcNode, plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { fromInstant, NodeName, RESOURCE_KEYS, SECOND_MS } from '@planetlab/model';
import { Gauge, Registry } from 'prom-client';
import { getNode, listNodes, unknownNode } from '../nodes/store.ts';
import { authenticate, type ServePerson } from '../sessions/authenticate.ts';
import type { Store } from '../store/store.ts';

const PAGE = 1000;

/**
 * Prometheus finds the nodes here, and reads each through the PLC: nodes have no inbound port (N12). What it reads is what
 * the node said last, at most half a minute ago, so that monitoring puts no load on nodes. Whoever may see nodes may.
 */
export function serveNodeMetrics(app: App, serve: ServePerson, store: Store, publicUrl: () => string): void {
  serve(app, plcRoutes.discoverNodes, async () => {
    const nodes: PlcNode[] = [];
    for (let page: PlcNode[] | undefined; page === undefined || page.length === PAGE; ) {
      const after = nodes.at(-1)?.name;
      page = await listNodes(store.db, { limit: PAGE, after, facts: 'brief' }, store.now());
      nodes.push(...page);
    }
    return nodes.map((node) => targetOf(node, new URL(publicUrl())));
  });
  app.get<{ Params: { node: string } }>('/v1/nodes/:node/metrics', async (request, reply) => {
    await authenticate(store, request);
    const name = NodeName.safeParse(request.params.node);
    if (!name.success) throw unknownNode();
    const registry = metricsOf(await getNode(store.db, name.data, store.now()));
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}

/** One entry of Prometheus' HTTP service discovery. */
function targetOf(node: PlcNode, url: URL): { targets: string[]; labels: Record<string, string> } {
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return {
    targets: [`${url.hostname}:${port}`],
    labels: {
      __scheme__: url.protocol.slice(0, -1),
      __metrics_path__: `/v1/nodes/${node.name}/metrics`,
      instance: node.name,
      site: node.site,
    },
  };
}

function metricsOf(node: PlcNode): Registry {
  const registry = new Registry();
  const gauge = (name: string, help: string, value: number): void => {
    new Gauge({ name, help, registers: [registry] }).set(value);
  };
  const { facts, lastSeenAt } = node;
  gauge('planetlab_node_up', 'Whether the node is in service', node.state === 'connected' && !node.reason ? 1 : 0);
  gauge('planetlab_node_slivers_wanted', 'Slivers that are wanted on it', node.slivers);
  const seconds = (instant: string): number => fromInstant(instant) / SECOND_MS;
  if (lastSeenAt !== null) gauge('planetlab_node_last_seen_seconds', 'When it was last heard of', seconds(lastSeenAt));
  if (facts === null) return registry;
  gauge('planetlab_node_started_seconds', 'Start of its node manager', seconds(facts.startedAt));
  gauge('planetlab_node_slivers', 'Slivers on it, of all brokers', facts.slivers);
  const labelNames = ['resource'];
  const capacity = new Gauge({
    name: 'planetlab_node_capacity',
    help: 'What the node has for slivers, in the unit that the name of the resource ends in',
    labelNames,
    registers: [registry],
  });
  const leased = new Gauge({
    name: 'planetlab_node_leased',
    help: 'What its leases bind of that',
    labelNames,
    registers: [registry],
  });
  for (const resource of RESOURCE_KEYS) {
    capacity.set({ resource }, facts.capacity[resource]);
    leased.set({ resource }, facts.leased[resource]);
  }
  return registry;
}
