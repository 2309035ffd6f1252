import { randomUUID } from 'node:crypto';
import { EventEmitter, on } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  type Change,
  Key,
  Person,
  PlcEvent,
  type PlcNode,
  plcRoutes,
  type Reason,
  type Site,
  type Slice,
  type Sliver,
} from '@planetlab/contract';
import { acceptExec, createApp, sendEvents, serve } from '@planetlab/contract/server';
import { aNode, aSite, aSlice, aSliver } from '@planetlab/contract/testing';
import {
  changedResources,
  NodeName,
  PlanetLabError,
  type SliverState,
  sliverName,
  toInstant,
  WEEK_MS,
} from '@planetlab/model';
import { serveMissionControl } from './plc-mission-control.ts';
import { operationOf, serveOperations } from './plc-operations.ts';
import { selectionOf } from './plc-selection.ts';
import { runHere } from './run-here.ts';

/** A PLC in memory behind the real contract, for tests of the command line alone. Programs run on this machine. */
export interface PlcServer extends AsyncDisposable {
  readonly url: string;
  readonly token: string;
  /** What a sliver that is asked for becomes on a node; `running` unless said otherwise. Undefined: it stays requested. */
  readonly fates: Map<string, { readonly state: SliverState; readonly reason?: Reason } | undefined>;
  readonly slices: Map<string, Slice>;
  readonly slivers: Map<string, Sliver>;
  readonly nodes: Map<string, PlcNode>;
  readonly keys: Key[];
  readonly requests: string[];
}

export const TOKEN = 'test-token-of-ada';
const ADA = 'ada@example.org';

export async function startPlcServer(): Promise<PlcServer> {
  const app = createApp();
  const changes = new EventEmitter();
  const state = {
    token: TOKEN,
    fates: new Map<string, { readonly state: SliverState; readonly reason?: Reason } | undefined>(),
    sites: new Map<string, Site>(),
    slices: new Map<string, Slice>(),
    slivers: new Map<string, Sliver>(),
    nodes: new Map<string, PlcNode>(),
    persons: new Map<string, Person>([
      [
        ADA,
        Person.parse({
          email: ADA,
          name: 'Ada',
          enabled: true,
          roles: [{ role: 'admin', site: null }],
          createdAt: now(),
        }),
      ],
    ]),
    keys: [] as Key[],
    requests: [] as string[],
    changed: (change: Change) => void changes.emit('change', change),
  };
  app.addHook('onRequest', async (request) => {
    state.requests.push(`${request.method} ${request.url}`);
    const isPublic = request.url === '/v1/status' || request.url === '/v1/device-sign-ins'; // which it does not know
    if (request.headers.authorization === `Bearer ${TOKEN}` || isPublic) return;
    throw new PlanetLabError('not_signed_in', 'Your token is not valid or has ended.');
  });
  serveAccounts(app, state);
  serveNodes(app, state);
  serveSlices(app, state);
  serveSlivers(app, state);
  serveMissionControl(app);
  serve(app, plcRoutes.watch, (_input, context) => sendEvents(context, eventsOf(changes, context.signal)));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo; // it listens on TCP
  return { ...state, url: `http://127.0.0.1:${port}`, [Symbol.asyncDispose]: () => app.close() };
}

type App = ReturnType<typeof createApp>;
type State = Omit<PlcServer, 'url' | typeof Symbol.asyncDispose> & {
  readonly sites: Map<string, Site>;
  readonly persons: Map<string, Person>;
  changed(change: Change): void;
};

const now = () => toInstant(Date.now());
const whole = <T>(items: Iterable<T>) => ({ items: [...items], next: null });

async function* eventsOf(changes: EventEmitter, signal: AbortSignal): AsyncGenerator<unknown> {
  for await (const [change] of on(changes, 'change', { signal })) yield change;
}

function found<T>(
  things: ReadonlyMap<string, T>,
  name: string,
  kind: 'site' | 'node' | 'slice' | 'person' | 'sliver',
): T {
  const thing = things.get(name);
  if (thing === undefined) throw new PlanetLabError(`unknown_${kind}`, `There is no ${kind} ${name}.`);
  return thing;
}

function serveAccounts(app: App, state: State): void {
  serve(app, plcRoutes.getMe, async () => found(state.persons, ADA, 'person'));
  serve(app, plcRoutes.listPersons, async () => whole(state.persons.values()));
  serve(app, plcRoutes.getPerson, async ({ params }) => found(state.persons, params.person, 'person'));
  serve(app, plcRoutes.createPerson, async ({ body }) => {
    const person: Person = { ...body, enabled: true, createdAt: now() };
    state.persons.set(person.email, person);
    return person;
  });
  serve(app, plcRoutes.createSite, async ({ body }) => {
    const site = aSite({ ...body, createdAt: now() });
    if (state.sites.has(site.name)) throw new PlanetLabError('already_exists', `There is a site ${site.name} already.`);
    state.sites.set(site.name, site);
    return site;
  });
  serve(app, plcRoutes.listSites, async ({ query }) => {
    // One to a page, so that clients must follow the cursor.
    const names = [...state.sites.keys()];
    const at = query.after === undefined ? 0 : names.indexOf(query.after) + 1;
    const name = names[at];
    const items = name === undefined ? [] : [found(state.sites, name, 'site')];
    return { items, next: name !== undefined && at + 1 < names.length ? name : null };
  });
  serve(app, plcRoutes.getSite, async ({ params }) => found(state.sites, params.site, 'site'));
  serve(app, plcRoutes.addKey, async ({ params, body }) => {
    const key = Key.parse({ fingerprint: 'SHA256:abc', person: params.person, key: body.key, addedAt: now() });
    state.keys.push(key);
    return key;
  });
  serve(app, plcRoutes.listKeys, async () => whole(state.keys));
  serve(app, plcRoutes.deleteKey, async ({ params }) => {
    const at = state.keys.findIndex((key) => key.fingerprint === params.fingerprint);
    if (at < 0) throw new PlanetLabError('unknown_key', 'There is no such key.');
    state.keys.splice(at, 1);
  });
  serve(app, plcRoutes.createToken, async ({ body }) => {
    const expiresAt = body.expiresAt ?? toInstant(Date.now() + WEEK_MS);
    return {
      id: randomUUID(),
      label: body.label,
      scopes: ['all' as const],
      createdAt: now(),
      expiresAt,
      lastUsedAt: null,
      token: 'new-token',
    };
  });
  serve(app, plcRoutes.deleteCurrentToken, async () => {});
  serve(app, plcRoutes.createSignInLink, async () => ({
    url: 'http://127.0.0.1:1/sign-in#code',
    expiresAt: toInstant(Date.now() + 300_000),
  }));
  serve(app, plcRoutes.listEvents, async ({ query }) =>
    whole(
      [
        PlcEvent.parse({
          id: 1,
          at: now(),
          actor: `person:${ADA}`,
          kind: 'slice.create',
          subject: 'demo_x',
          before: null,
          after: {},
        }),
      ].filter((event) => query.subject === undefined || event.subject === query.subject),
    ),
  );
}

function serveNodes(app: App, state: State): void {
  serve(app, plcRoutes.createNode, async ({ body }) => {
    const times = { lastSeenAt: now(), createdAt: now() };
    const node = aNode({ ...body, ...times, id: randomUUID(), facts: null, slivers: 0 });
    state.nodes.set(node.name, node);
    return node;
  });
  serve(app, plcRoutes.listNodes, async () => whole(state.nodes.values()));
  serve(app, plcRoutes.getNode, async ({ params }) => found(state.nodes, params.node, 'node'));
  serve(app, plcRoutes.changeNode, async ({ params, body: { interfaces = [] } }) => {
    const node = { ...found(state.nodes, params.node, 'node'), interfaces };
    state.nodes.set(node.name, node);
    return node;
  });
  serve(app, plcRoutes.deleteNode, async ({ params }) => {
    found(state.nodes, params.node, 'node');
    state.nodes.delete(params.node);
  });
  serve(app, plcRoutes.inviteNode, async ({ params }) => {
    found(state.nodes, params.node, 'node');
    return { token: 'join-token', expiresAt: toInstant(Date.now() + 3_600_000), command: 'pl node join' };
  });
}

function serveSlices(app: App, state: State): void {
  serve(app, plcRoutes.createSlice, async ({ body }) => {
    const slice = aSlice({
      ...body,
      site: body.name.split('_')[0],
      createdAt: now(),
      expiresAt: toInstant(Date.now() + 2 * WEEK_MS),
      persons: [ADA, ...body.persons],
      slivers: 0,
      running: 0,
    });
    state.slices.set(slice.name, slice);
    return slice;
  });
  serve(app, plcRoutes.listSlices, async () => whole(state.slices.values()));
  serve(app, plcRoutes.getSlice, async ({ params }) => found(state.slices, params.slice, 'slice'));
  serve(app, plcRoutes.renewSlice, async ({ params, body }) => {
    const renewed = { ...found(state.slices, params.slice, 'slice'), expiresAt: body.expiresAt };
    state.slices.set(renewed.name, renewed);
    return renewed;
  });
  serve(app, plcRoutes.changeResources, async ({ params, body }) => {
    const slice = found(state.slices, params.slice, 'slice');
    const changed = { ...slice, resources: changedResources(slice.resources, body) };
    state.slices.set(changed.name, changed);
    return changed;
  });
  serve(app, plcRoutes.addPersonToSlice, async ({ params }) => {
    const slice = found(state.slices, params.slice, 'slice');
    return { ...slice, persons: [...slice.persons, params.person] };
  });
  serve(app, plcRoutes.deleteSlice, async ({ params }) => {
    found(state.slices, params.slice, 'slice');
    state.slices.delete(params.slice);
  });
}

function serveSlivers(app: App, state: State): void {
  serve(app, plcRoutes.getUsage, async ({ params }) => ({
    at: now(),
    resources: found(state.slices, params.slice, 'slice').resources,
    cpu: { usedMs: 90_000, guaranteedMillis: 250, waitedMs: null },
    memory: { usedMiB: 31.4, peakMiB: 64, waitedMs: 2_500, atLimit: 3, killed: 1 },
    processes: { used: 7, refused: 0 },
    disk: { bound: 'loop', usedMiB: 120, limitMiB: 5000, files: 40, filesLimit: 1000 },
    notices: [{ at: now(), code: 'memory_limit', message: 'A program was ended.' }],
  }));
  serve(app, plcRoutes.addSlivers, async ({ params, body }) => {
    found(state.slices, params.slice, 'slice');
    for (const node of body.nodes) found(state.nodes, node, 'node');
    const made = body.nodes.map((node) => requestedSliver(params.slice, node));
    for (const sliver of made) {
      state.slivers.set(sliverName(sliver.slice, sliver.node), sliver);
      setTimeout(() => meetFate(state, sliver), 30).unref();
    }
    return { operation: operationOf(ADA, params.slice, made.length), items: made };
  });
  serve(app, plcRoutes.selectNodes, async ({ body }) => selectionOf(state.nodes, body));
  serve(app, plcRoutes.selectSlivers, async ({ params, body }) => {
    const selection = selectionOf(state.nodes, body);
    const items = selection.chosen.map((node) => requestedSliver(params.slice, node));
    for (const sliver of items) {
      state.slivers.set(sliverName(sliver.slice, sliver.node), sliver);
      setTimeout(() => meetFate(state, sliver), 30).unref();
    }
    return { selection, operation: operationOf(ADA, params.slice, items.length), items };
  });
  serve(app, plcRoutes.listSlivers, async ({ query }) =>
    whole(
      [...state.slivers.values()].filter(
        (sliver) =>
          (query.slice === undefined || sliver.slice === query.slice) &&
          (query.node === undefined || sliver.node === query.node),
      ),
    ),
  );
  serve(app, plcRoutes.removeSliver, async ({ params }) => {
    const name = sliverName(params.slice, params.node);
    found(state.slivers, name, 'sliver');
    state.slivers.delete(name);
    return { operation: operationOf(ADA, params.slice, 1) };
  });
  serve(app, plcRoutes.removeSlivers, async ({ params, body }) => {
    const names = (body.nodes ?? [...state.nodes.values()].map(({ name }) => name)).map((node) =>
      sliverName(params.slice, node),
    );
    const gone = names.filter((name) => state.slivers.delete(name));
    if (gone.length === 0) throw new PlanetLabError('unknown_sliver', `The slice ${params.slice} is on none of them.`);
    return { operation: operationOf(ADA, params.slice, gone.length) };
  });
  serveOperations(app, state.slivers);
  serve(app, plcRoutes.exec, async ({ params }, context) => {
    found(state.slivers, sliverName(params.slice, params.node), 'sliver');
    await acceptExec(context, async (start) => runHere(start, params.node));
  });
}

const requestedSliver = (slice: string, node: string): Sliver =>
  aSliver({
    ...{ slice, node, state: 'requested', since: now(), requestedAt: now(), timeToRunningMs: null },
    ...{ ipv4: null, ipv6: null, ssh: null },
  });

function meetFate(state: State, sliver: Sliver): void {
  const fate = state.fates.has(sliver.node) ? state.fates.get(sliver.node) : { state: 'running' as const };
  const name = sliverName(sliver.slice, NodeName.parse(sliver.node));
  if (fate === undefined || !state.slivers.has(name)) return;
  const running = fate.state === 'running';
  state.slivers.set(name, {
    ...sliver,
    state: fate.state,
    reason: fate.reason ?? null,
    since: now(),
    timeToRunningMs: running ? 84 : null,
    ipv4: running ? '10.0.0.2' : null,
    ssh: running ? { host: '127.0.0.1', port: 2222 } : null,
  });
  state.changed({ type: 'sliver', name });
}
