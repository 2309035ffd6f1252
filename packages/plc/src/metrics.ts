import type { App } from '@planetlab/contract/server';
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { isAdmin, requireAllowed } from './access/rules.ts';
import { addDatabaseMetrics } from './monitoring/database-metrics.ts';
import { authenticate } from './sessions/authenticate.ts';
import type { PoolUse } from './store/database.ts';
import type { Store } from './store/store.ts';
import { PLC_VERSION } from './version.ts';

export interface Metrics {
  readonly registry: Registry;
  countStep(step: string, outcome: string): void;
  /** A request of another process for a node that this one holds. */
  countPassedOn(): void;
  /** What only this process knows, asked for each time. */
  watch(holds: { uplinks(): number; passingOn(): number }): void;
}

/** All with bounded labels: kinds of steps, routes, states. What they count in the database is counted when asked. */
export function createMetrics(store: Store, poolUse: () => PoolUse): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  addPool(registry, poolUse); // first: what follows takes connections itself
  addDatabaseMetrics(registry, store);
  const steps = new Counter({
    name: 'planetlab_broker_steps_total',
    help: 'Steps that the default broker took on nodes, by kind and outcome',
    labelNames: ['step', 'outcome'],
    registers: [registry],
  });
  const passedOn = new Counter({
    name: 'planetlab_requests_passed_on_total',
    help: 'Requests of other processes that were passed on to nodes whose uplink this process holds',
    registers: [registry],
  });
  new Gauge({
    name: 'planetlab_build_info',
    help: 'Version of this process; always 1',
    labelNames: ['version'],
    registers: [registry],
  }).set({ version: PLC_VERSION }, 1);
  return {
    registry,
    countStep: (step, outcome) => steps.inc({ step, outcome }),
    countPassedOn: () => passedOn.inc(),
    watch({ uplinks, passingOn }) {
      addGauge(registry, 'planetlab_uplinks', 'Uplinks of nodes that this process holds', uplinks);
      addGauge(registry, 'planetlab_requests_passing_on', 'Requests of other processes that are under way', passingOn);
    },
  };
}

function addGauge(registry: Registry, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      this.set(read());
    },
  });
}

function addPool(registry: Registry, poolUse: () => PoolUse): void {
  new Gauge({
    name: 'planetlab_database_connections',
    help: 'Connections of this process to the database, and who waits for one',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(poolUse())) this.set({ state }, count);
    },
  });
}

/** For an admin's API token: figures about everybody are not everybody's. */
export function serveMetrics(app: App, store: Store, { registry }: Metrics): void {
  app.get('/metrics', async (request, reply) => {
    requireAllowed(isAdmin(await authenticate(store, request)), 'Only admins may read the metrics.');
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}
