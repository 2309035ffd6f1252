import { readFileSync } from 'node:fs';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { join } from '../testing/join.ts';
import { eventually, startTestPlc, type TestPlc } from '../testing/test-plc.ts';

const DASHBOARD = new URL('../../../../packaging/plc/grafana/planetlab.json', import.meta.url);
const GUIDE = new URL('../../../../docs/operating/plc.md', import.meta.url);

let test: TestPlc;
let node: FakeNode;
let reader: string;
const lines: Record<string, unknown>[] = [];

beforeAll(async () => {
  const log = pino({ level: 'info', base: null }, { write: (line: string) => void lines.push(JSON.parse(line)) });
  test = await startTestPlc({ log });
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  reader = (await test.person('reader@example.org')).token;
  node = new FakeNode(await join(await test.invite('n1')));
  await node.connect();
  await eventually(
    () => test.admin.getNode({ params: { node: 'n1' } }),
    (it) => it.facts !== null,
    30_000,
  );
});
afterAll(async () => {
  await node[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

const read = async (path: string, token: string, headers: Record<string, string> = {}): Promise<Response> =>
  fetch(test.plc.publicUrl + path, { headers: { authorization: `Bearer ${token}`, ...headers } });

it('tells Prometheus where to read each node, which is at the PLC, and what the node said last', async () => {
  const [target] = (await (await read('/v1/discovery/prometheus', reader)).json()) as [
    { targets: string[]; labels: Record<string, string> },
  ];
  const url = new URL(test.plc.publicUrl);
  expect(target).toEqual({
    targets: [url.host],
    labels: { __scheme__: 'http', __metrics_path__: '/v1/nodes/n1/metrics', instance: 'n1', site: 'demo' },
  });
  const path = target.labels['__metrics_path__'] ?? '';
  const figures = await (await read(path, reader)).text();
  expect(figures).toMatch(/^planetlab_node_up 1$/m);
  expect(figures).toMatch(/^planetlab_node_capacity\{resource="memoryMiB"\} [1-9]\d*$/m);
  expect((await fetch(test.plc.publicUrl + path)).status).toBe(401);
  expect((await read('/v1/nodes/none/metrics', reader)).status).toBe(404);
  expect((await read('/v1/nodes/No%20Name/metrics', reader)).status).toBe(404);
});

it('counts requests by their route, whatever their path is', async () => {
  await read('/v1/nodes/n1', reader);
  await read('/v1/nodes/someone-else', reader);
  await read('/no/such/secret', reader);
  const figures = await (await read('/metrics', test.adminToken)).text();
  expect(figures).toMatch(/^planetlab_http_requests_total\{method="GET",route="\/v1\/nodes\/:node",status="404"\} 1$/m);
  expect(figures).toMatch(/^planetlab_http_requests_total\{method="GET",route="none",status="404"\} [1-9]/m);
  expect(figures).not.toContain('someone-else');
  expect(figures).toMatch(/^planetlab_uplinks 1$/m);
  expect(figures).toMatch(/^planetlab_processes 1$/m);
  expect(figures).toMatch(/^planetlab_database_connections\{state="waiting"\} \d+$/m);
});

it('writes a line for each request, by route, with the id that its reply carries', async () => {
  const own = await read('/v1/nodes/n1', reader);
  const id = own.headers.get('x-request-id');
  const logged = () => Promise.resolve(lines.filter(({ request }) => request !== undefined));
  const line = (await eventually(logged, (all) => all.some(({ request }) => request === id))).find(
    ({ request }) => request === id,
  );
  expect(line).toMatchObject({
    method: 'GET',
    route: '/v1/nodes/:node',
    status: 200,
    who: 'person:reader@example.org',
  });
  const given = await read('/v1/nodes/n1', reader, { 'x-request-id': 'from-the-proxy.7' });
  expect(given.headers.get('x-request-id')).toBe('from-the-proxy.7');
  const odd = await read('/v1/nodes/n1', reader, { 'x-request-id': 'a "quoted" one' });
  expect(odd.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
});

it('has every figure that the dashboard for Grafana and the guide name', async () => {
  const figures = [
    await (await read('/metrics', test.adminToken)).text(),
    await (await read('/v1/nodes/n1/metrics', reader)).text(),
  ].join('\n');
  const known = new Set(
    [...figures.matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name = '', type]) =>
      type === 'histogram' ? [name, `${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  const dashboard = JSON.parse(readFileSync(DASHBOARD, 'utf8')) as {
    panels: { targets?: { expr: string }[] }[];
  };
  const queries = dashboard.panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  expect(queries.length).toBeGreaterThan(15);
  const named = [...queries, readFileSync(GUIDE, 'utf8')].flatMap((text) => [
    ...text.matchAll(/\b(?:planetlab|process|nodejs)_[a-z0-9_]+/g),
  ]);
  expect([...new Set(named.map(([name]) => name))].filter((name) => !known.has(name))).toEqual([]);
});
