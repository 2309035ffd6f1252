import { Gauge, type Registry } from 'prom-client';
import { liveUplinks } from '../nodes/live-uplinks.ts';
import { PROCESS_DEAD_AFTER_MS } from '../nodes/liveness.ts';
import type { Store } from '../store/store.ts';

/** What all processes of the authority have in common is counted in the database, when it is asked for. */
export function addDatabaseMetrics(registry: Registry, store: Store): void {
  const { db } = store;
  new Gauge({
    name: 'planetlab_processes',
    help: 'Processes of this authority that are alive',
    registers: [registry],
    async collect() {
      const alive = new Date(store.now().getTime() - PROCESS_DEAD_AFTER_MS);
      this.set((await db.selectFrom('processes').select('id').where('heartbeat_at', '>', alive).execute()).length);
    },
  });
  new Gauge({
    name: 'planetlab_nodes',
    help: 'Nodes: all that are registered, and those of them that have joined',
    labelNames: ['state'],
    registers: [registry],
    async collect() {
      const { registered, joined } = await db
        .selectFrom('nodes')
        .select((eb) => [
          eb.fn.countAll<number>().as('registered'),
          eb.fn.count<number>('joined_at').as('joined'), // those that have one
        ])
        .where('deleted_at', 'is', null)
        .executeTakeFirstOrThrow();
      this.set({ state: 'registered' }, Number(registered));
      this.set({ state: 'joined' }, Number(joined));
    },
  });
  new Gauge({
    name: 'planetlab_nodes_connected',
    help: 'Nodes whose uplink is open, at whichever process',
    registers: [registry],
    async collect() {
      const { connected } = await db
        .selectFrom(liveUplinks(db, store.now()).as('live'))
        .select((eb) => eb.fn.countAll<number>().as('connected'))
        .executeTakeFirstOrThrow();
      this.set(Number(connected));
    },
  });
  addCounts(registry, store);
  new Gauge({
    name: 'planetlab_mail_wait_seconds',
    help: 'Age of the oldest mail that is to be sent and was not yet; 0 when there is none',
    registers: [registry],
    async collect() {
      const row = await db
        .selectFrom('mails')
        .select('at')
        .where('state', '=', 'queued')
        .orderBy('at')
        .limit(1)
        .executeTakeFirst();
      this.set(row === undefined ? 0 : Math.max(0, store.now().getTime() - row.at.getTime()) / 1000);
    },
  });
}

const COUNTED = [
  { table: 'slivers', name: 'planetlab_slivers', help: 'Slivers by their last known state' },
  { table: 'mails', name: 'planetlab_mails', help: 'Mails of the last month by state' },
  { table: 'operations', name: 'planetlab_operations', help: 'Operations over many nodes by state' },
] as const;

/** A hundred thousand slivers are not counted for each of several who ask: there is a rest of so many times what it took. */
const REST_FACTOR = 20;

/** States are few, and fixed: they bound the labels. */
function addCounts(registry: Registry, { db }: Store): void {
  for (const { table, name, help } of COUNTED) {
    let goodUntilMs = 0;
    new Gauge({
      name,
      help,
      labelNames: ['state'],
      registers: [registry],
      async collect() {
        const startMs = performance.now();
        if (startMs < goodUntilMs) return;
        const rows = await db
          .selectFrom(table)
          .select((eb) => ['state', eb.fn.countAll<number>().as('count')])
          .groupBy('state')
          .execute();
        const endMs = performance.now();
        goodUntilMs = endMs + REST_FACTOR * (endMs - startMs);
        this.reset();
        for (const { state, count } of rows) this.set({ state: String(state) }, Number(count));
      },
    });
  }
}
