import type { App } from '@planetlab/contract/server';
import { Counter, Gauge, Registry } from 'prom-client';
import { isAdmin, requireAllowed } from './access/rules.ts';
import { liveUplinks } from './nodes/store.ts';
import { authenticate } from './sessions/authenticate.ts';
import type { Store } from './store/store.ts';

export interface Metrics {
  readonly registry: Registry;
  countStep(step: string, outcome: string): void;
  /** A request of another process for a node that this one holds. */
  countPassedOn(): void;
}

/** Few, and all with bounded labels: kinds of steps, states. What they count in the database is counted when asked. */
export function createMetrics(store: Store): Metrics {
  const registry = new Registry();
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
    name: 'planetlab_nodes_connected',
    help: 'Nodes whose uplink is open',
    registers: [registry],
    async collect() {
      this.set((await liveUplinks(store.db, store.now()).execute()).length);
    },
  });
  new Gauge({
    name: 'planetlab_slivers',
    help: 'Slivers by their last known state',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      this.reset();
      const rows = await store.db
        .selectFrom('slivers')
        .select((eb) => ['state', eb.fn.countAll<number>().as('count')])
        .groupBy('state')
        .execute();
      for (const { state, count } of rows) this.set({ state }, Number(count));
    },
  });
  new Gauge({
    name: 'planetlab_process_resident_bytes',
    help: 'Memory of this process',
    registers: [registry],
    collect() {
      this.set(process.memoryUsage.rss());
    },
  });
  return { registry, countStep: (step, outcome) => steps.inc({ step, outcome }), countPassedOn: () => passedOn.inc() };
}

/** For an admin's API token: figures about everybody are not everybody's. */
export function serveMetrics(app: App, store: Store, { registry }: Metrics): void {
  app.get('/metrics', async (request, reply) => {
    requireAllowed(isAdmin(await authenticate(store, request)), 'Only admins may read the metrics.');
    return reply.type(registry.contentType).send(await registry.metrics());
  });
}
