import { randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { type Benchmark, percentile, round, timesOf } from './benchmark.ts';
import { startPlcProcess } from './plc-process.ts';

const DEFAULT_NODES = 1000;
const DEFAULT_SLICES = 100;
const READS = 200;

/** Lists as `control-plane` reads them, of a database that was filled by SQL: minutes faster, and nothing else is at work. */
export const benchmark: Benchmark = {
  question: 'lists: how long do lists of very many nodes and slivers take, with nothing else at work?',
  async run({ note, nodes = DEFAULT_NODES, slices = DEFAULT_SLICES }) {
    await using stack = new AsyncDisposableStack();
    const folder = stack.adopt(mkdtempSync(join(tmpdir(), 'planetlab-bench-lists-')), (path) =>
      rmSync(path, { recursive: true, force: true }),
    );
    chmodSync(folder, 0o711); // the database runs as somebody else
    const plc = stack.use(await startPlcProcess(join(folder, 'plc')));
    await fill(join(folder, 'plc'), nodes, slices);
    note(`  ${nodes} nodes with ${nodes * slices} slivers are in the database`);
    const before = plc.cpuSeconds();
    const path = '/v1/nodes?limit=1000';
    const nodeTimes = await timesOf(READS, () => plc.read(path));
    const between = plc.cpuSeconds();
    const sliverTimes = await timesOf(READS, () => plc.read('/v1/slivers?limit=1000&slice=bench_s0'));
    const after = plc.cpuSeconds();
    return {
      nodes,
      slivers: nodes * slices,
      list_nodes_ms: round(percentile(nodeTimes, 99)),
      list_nodes_p50_ms: round(percentile(nodeTimes, 50)),
      list_nodes_max_ms: round(Math.max(...nodeTimes)),
      list_nodes_mib: round((await plc.read(path)).length / 2 ** 20, 2),
      list_nodes_cpu_ms_plc: round((1000 * (between.plc - before.plc)) / READS),
      list_nodes_cpu_ms_database: round((1000 * (between.database - before.database)) / READS),
      list_slivers_ms: round(percentile(sliverTimes, 99)),
      list_slivers_p50_ms: round(percentile(sliverTimes, 50)),
      list_slivers_max_ms: round(Math.max(...sliverTimes)),
      list_slivers_cpu_ms_plc: round((1000 * (after.plc - between.plc)) / READS),
      list_slivers_cpu_ms_database: round((1000 * (after.database - between.database)) / READS),
      plc_rss_mib: round(plc.residentMiB()),
    };
  },
};

/** As node managers and the broker would leave it: every node connected, every sliver running. */
async function fill(state: string, nodes: number, slices: number): Promise<void> {
  const [, , , port, socketFolder] = readFileSync(join(state, 'postgres/postmaster.pid'), 'utf8').split('\n');
  const client = new pg.Client({ host: socketFolder, port: Number(port), user: 'planetlab', database: 'postgres' });
  await client.connect();
  try {
    for (const statement of statements(nodes, slices, randomUUID())) await client.query(statement);
  } finally {
    await client.end();
  }
}

const FEATURES = Array.from({ length: 24 }, (_, index) => ({
  feature: `feature-${index}`,
  available: index > 0,
  reason: 'It was tried when the node manager started, and what this says of it is a sentence of some length.',
}));
const SUMS = {
  cpuReservedMillis: 4000,
  memoryMiB: 16_384,
  diskMiB: 500_000,
  processes: 10_000,
  egressMinKbps: 100_000,
};
const FACTS = {
  ...{ version: '0.1.0', clock: '2026-01-01T00:00:00.000Z', startedAt: '2026-01-01T00:00:00.000Z' },
  vmm: { driver: 'simulated', detail: 'slivers are only pretended', simulated: true },
  ...{ kernel: '6.18.5-cloud-amd64', architecture: 'x86_64', place: null, capacity: SUMS, leased: SUMS },
  ...{ ipv4: '198.51.100.7', ipv6Prefix: null, ssh: { host: '198.51.100.7', port: 2222 }, images: ['debian-12'] },
  ...{ features: FEATURES, slivers: 100, bootId: '3c8a9d61-7c6e-4b1e-9f4c-0d6c1d7b6a11' },
  sensors: {
    at: '2026-01-01T00:00:00.000Z',
    ...{ load: 0.25, coresIdle: 1.5, memoryAvailableMiB: 9000, diskAvailableMiB: 50_000 },
  },
};
const MEASURED = { at: '2026-01-01T00:00:00.000Z', rttMs: 12.34, clockOffsetMs: 3 };
const AVAILABILITY = { at: '2026-01-01T00:00:00.000Z', day: 1, week: 0.9987 };
const PLACE = { latitude: 47.38, longitude: 8.54, city: 'Zürich', country: 'CH' };
const RESOURCES = { memoryMiB: 16, diskMiB: 16, processes: 8 };

/** `process` is another one of the authority, which holds all nodes, and of which is heard for days to come. */
const statements = (nodes: number, slices: number, process: string): readonly string[] => [
  `insert into sites (name, title, created_at) values ('bench', 'Bench', now())`,
  `insert into nodes (id, name, site, place, addresses, created_at, joined_at, last_seen_at, measured, availability, facts)
    select id, name, 'bench', ${json(PLACE)}, '["198.51.100.7"]', now(), now(), now(), ${json(MEASURED)}, ${json(AVAILABILITY)},
      ${json(FACTS)} || jsonb_build_object('id', id, 'name', name)
    from (select gen_random_uuid() as id, 'n' || lpad(i::text, 4, '0') as name from generate_series(0, ${nodes - 1}) i) named`,
  `insert into node_tags (node_id, key, value) select id, key, 'value' from nodes, (values ('asn'), ('rack')) as tags (key)`,
  `insert into node_groups (name, description, created_at) values ('europe', 'Nodes of a continent', now())`,
  `insert into node_group_members (group_name, node_id) select 'europe', id from nodes where name like '%0'`,
  `insert into node_group_tags (group_name, key, value) values ('europe', 'continent', 'EU')`,
  `insert into processes (id, started_at, heartbeat_at) values ('${process}', now(), now() + interval '12 hours')`,
  `insert into uplinks (node_id, process_id, connected_at) select id, '${process}', now() from nodes`,
  `insert into slices (id, name, site, description, url, image, resources, created_at, expires_at)
    select gen_random_uuid(), 'bench_s' || i, 'bench', '', '', 'debian-12', ${json(RESOURCES)}, now(), now() + interval '7 days'
    from generate_series(0, ${slices - 1}) i`,
  `insert into slivers (id, slice_id, slice, node_id, requested_at, state, since)
    select gen_random_uuid(), slices.id, slices.name, nodes.id, now(), 'requested', now() from slices, nodes order by slices.name`,
  `update slivers set state = 'running', lease_id = gen_random_uuid(), lease_expires_at = now() + interval '4 hours',
    ipv4 = '10.1.2.3', time_to_running_ms = 1234.5`,
  'vacuum analyze',
];

const json = (value: unknown): string => `'${JSON.stringify(value)}'::jsonb`;
