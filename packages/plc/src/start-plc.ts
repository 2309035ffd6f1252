import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import cookie from '@fastify/cookie';
import { openApiDocument, plcRoutes } from '@planetlab/contract';
import { type App, createApp, serve as servePublic, useConventions } from '@planetlab/contract/server';
import { issueProcessCertificate } from '@planetlab/credentials';
import { messageOf, PersonEmail, PlanetLabError } from '@planetlab/model';
import type { FastifyRequest } from 'fastify';
import { type Authority, parseAuthorityName } from './authority/authority.ts';
import { openAuthority } from './authority/open-authority.ts';
import { createBroker } from './broker/broker.ts';
import { HOUSEKEEPING_INTERVAL_MS, keepHouse } from './broker/housekeeping.ts';
import { DEFAULT_LEASE_MS } from './broker/plan.ts';
import type { ChangeFeed } from './changes/change-feed.ts';
import { serveWatch } from './changes/watch.ts';
import { addSecurityHeaders, serveConsole } from './console/static.ts';
import { serveEvents } from './events/routes.ts';
import { serveExec } from './exec/routes.ts';
import { formatHostPort, type HostPort, isWildcard, listenError, parseHostPort } from './host-port.ts';
import { startMailSender } from './mail/sender.ts';
import { smtpTransport } from './mail/smtp.ts';
import { createMetrics, type Metrics, serveMetrics } from './metrics.ts';
import { keepDecisions } from './mission-control/pending-decisions.ts';
import { serveMissionControl } from './mission-control/routes.ts';
import { serveNodeMetrics } from './monitoring/node-metrics.ts';
import { observeRequests } from './monitoring/request-metrics.ts';
import { keepReboots } from './nodes/reboot.ts';
import { noteFailedHandshake } from './nodes/refusals.ts';
import { serveJoin, serveNodes } from './nodes/routes.ts';
import { serveNodeService, serveReboots } from './nodes/service-routes.ts';
import { keepOperations } from './operations/keeper.ts';
import { serveOperations } from './operations/routes.ts';
import type { Plc, PlcOptions } from './options.ts';
import { BOOTSTRAP_TOKEN_FILE, bootstrapAdmin } from './persons/bootstrap-admin.ts';
import { createDrain, DRAIN_MS, type Drain, until } from './processes/drain.ts';
import { serveHealth } from './processes/health.ts';
import { createPassOn, type PassOn } from './processes/pass-on.ts';
import { createPeers } from './processes/peers.ts';
import { processAddress } from './processes/process-address.ts';
import { createChangeGuard } from './requests/guard.ts';
import { createRequestLimit, REQUESTS_PER_MINUTE } from './requests/limits.ts';
import { serveSelections } from './selection/routes.ts';
import { servePeople } from './serve-people.ts';
import { type Actors, servePersonWith } from './sessions/authenticate.ts';
import { createLimiter } from './sessions/limiter.ts';
import { serveSettings } from './settings/routes.ts';
import { serveSites } from './sites/routes.ts';
import { serveSliceLife } from './slices/life-routes.ts';
import { serveSlices } from './slices/routes.ts';
import { serveSlivers } from './slivers/routes.ts';
import { serveUsage } from './slivers/usage.ts';
import { explainGone } from './store/database.ts';
import { explainLostDatabase } from './store/lost-database.ts';
import { oneAtATime } from './store/one-at-a-time.ts';
import { openStore } from './store/open-store.ts';
import type { Store } from './store/store.ts';
import { serveTags } from './tags/routes.ts';
import { readTlsFiles, reloadTls } from './tls.ts';
import { Arrivals } from './uplinks/arrivals.ts';
import { listenForNodes, type NodeListener } from './uplinks/node-listener.ts';
import { createUplinkRegistry, type UplinkRegistry } from './uplinks/registry.ts';
import type { Uplink } from './uplinks/uplink.ts';
import { PLC_VERSION } from './version.ts';

const DEFAULT_ADMIN = 'admin@planetlab.internal';

/** What the parts of a PLC are made from. */
interface Parts {
  readonly options: PlcOptions;
  readonly store: Store;
  readonly feed: ChangeFeed;
  readonly authority: Authority;
  readonly arrivals: Arrivals;
  readonly uplinks: UplinkRegistry;
  readonly passOn: PassOn;
  readonly metrics: Metrics;
  /** Where people and nodes come in; known once the listeners are open. */
  readonly addresses: { publicUrl: string; nodeAddress: string };
  readonly stopping: AbortSignal;
}

/** Starts an authority; resolves when it serves. Throws a PlanetLabError with what to do when it cannot. */
export async function startPlc(given: PlcOptions): Promise<Plc> {
  const options = { ...given, state: resolve(given.state) };
  const { log } = options;
  const nowMs = options.nowMs ?? Date.now;
  const leaseMs = options.leaseMs ?? DEFAULT_LEASE_MS;
  const listen = parseHostPort(options.listen);
  const adminEmail = parseEmail(options.adminEmail ?? DEFAULT_ADMIN);
  const defaultName = parseAuthorityName(options.authority ?? 'planetlab');
  if (options.tls !== undefined) readTlsFiles(options.tls); // wrong ones stop us before anything is made
  mkdirSync(options.state, { recursive: true, mode: 0o711 });
  await using stack = new AsyncDisposableStack();

  const progress = options.progress ?? (() => {});
  const { state, databaseUrl } = options;
  const database = stack.use(await openStore({ state, databaseUrl, log, progress }));
  const { db, feed } = database;
  const store: Store = { db, now: () => new Date(nowMs()) };
  const authority = await openAuthority(store, resolve(options.keys ?? state), defaultName);
  if (await bootstrapAdmin(store, state, adminEmail)) {
    progress(`The first admin's API token is in ${join(state, BOOTSTRAP_TOKEN_FILE)}.`);
  }

  const metrics = createMetrics(store, database.use);
  const countOutcome = metrics.countStep;
  const arrivals = new Arrivals();
  const broker = stack.use(createBroker({ store, authority, feed, arrivals, leaseMs, log, countOutcome }));
  stack.use(startHousekeeping(store, leaseMs, log));
  const { alone } = database;
  const onOpen = (uplink: Uplink) => broker.open(uplink);
  const { uplinks, passOn } = await joinProcesses(stack, { store, authority, log, alone, onOpen, metrics });
  stack.use(keepOperations(store, feed, log));
  stack.use(keepDecisions(store, log));
  stack.use(keepReboots({ store, authority, uplinks }, log));
  if (options.smtp !== undefined) stack.use(startMailSender(store, smtpTransport(options.smtp), log));
  const addresses = { publicUrl: '', nodeAddress: '' };
  const stopping = stack.use(abortOnDispose());
  const parts: Parts = {
    ...{ options, store, feed, authority, arrivals, uplinks, passOn, metrics, addresses },
    stopping: stopping.signal,
  };

  const nodeListener = stack.use(await openNodeListener(parts, nowMs));
  stack.defer(() => leave(parts)); // uplinks end before their listener waits for every connection
  addresses.nodeAddress = options.nodeAddress ?? withPort(parseHostPort(options.nodeListen), nodeListener.port);
  await uplinks.listensAt(
    options.processAddress ?? processAddress(parseHostPort(options.nodeListen), nodeListener.port),
  );
  const { app, drain, requests } = await publicApp(parts);
  stack.defer(() => app.close());
  await app.listen({ host: listen.host, port: listen.port }).catch((error) => {
    throw listenError(error, listen);
  });
  addresses.publicUrl =
    options.publicUrl?.replace(/\/+$/, '') ??
    `${options.tls === undefined ? 'http' : 'https'}://${withPort(listen, portOf(app, listen))}`;
  // Watchers and running programs hold their connections open: they are told before the listener waits for them.
  stack.defer(() => {
    stopping.abort();
    return drain.drain();
  });

  const owned = stack.move();
  return {
    ...addresses,
    adminTokenFile: join(state, BOOTSTRAP_TOKEN_FILE),
    requests,
    reloadCertificate: () => reloadTls(app, options.tls, log),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function parseEmail(text: string): PersonEmail {
  const email = PersonEmail.safeParse(text);
  if (email.success) return email.data;
  throw new PlanetLabError(
    'malformed_name',
    `${JSON.stringify(text)} is not a mail address such as admin@example.org.`,
  );
}

interface ProcessOptions {
  readonly store: Store;
  readonly authority: Authority;
  readonly log: PlcOptions['log'];
  readonly alone: boolean;
  readonly onOpen: (uplink: Uplink) => void;
  readonly metrics: Metrics;
}

/** Becomes one of the authority's processes: holds uplinks, and reaches those that others hold. */
async function joinProcesses(
  stack: AsyncDisposableStack,
  { store, authority, log, alone, onOpen, metrics }: ProcessOptions,
): Promise<{ readonly uplinks: UplinkRegistry; readonly passOn: PassOn }> {
  const processId = randomUUID();
  const identity = () => issueProcessCertificate(authority.identity, processId, store.now().getTime());
  const peers = stack.use(createPeers(identity, log));
  const held = { store, log, authority: authority.identity, alone, processId, peers, onOpen };
  const uplinks = stack.use(await createUplinkRegistry(held));
  const passOn = stack.use(createPassOn({ store, uplinks, log, count: metrics.countPassedOn }));
  metrics.watch({ uplinks: () => uplinks.size, passingOn: () => passOn.underWay });
  return { uplinks, passOn };
}

async function openNodeListener(parts: Parts, nowMs: () => number): Promise<NodeListener> {
  const { options, store, authority, arrivals, uplinks, passOn } = parts;
  const listen = parseHostPort(options.nodeListen);
  const addresses = (options.nodeAddress ?? options.nodeListen).split(',').map(parseHostPort);
  const joinApp = createApp({ logger: options.log, explain: explainLostDatabase });
  serveJoin(joinApp, store, authority, await createLimiter(joinApp));
  return listenForNodes({
    listen,
    names: [...new Set([...addresses, listen].map(({ host }) => host).filter((host) => !isWildcard(host)))],
    authority: authority.identity,
    joinApp,
    arrivals,
    acceptUplink: (socket) => uplinks.accept(socket),
    acceptProcess: (socket) => passOn.accept(socket),
    handshakeFailed: (address) =>
      void noteFailedHandshake(store, address).catch((cause) =>
        options.log.warn({ error: messageOf(cause) }, 'a failed handshake was not noted'),
      ),
    nowMs,
    log: options.log,
  });
}

/** Hands the nodes over: the others send no more requests for them here, those under way end, and the nodes dial again. */
async function leave({ uplinks, passOn }: Parts): Promise<void> {
  await uplinks.leave();
  await until(() => passOn.underWay === 0, DRAIN_MS);
  await uplinks[Symbol.asyncDispose]();
}

async function publicApp(
  parts: Parts,
): Promise<{ readonly app: App; readonly drain: Drain; readonly requests: () => number }> {
  const { options, store, authority, addresses } = parts;
  // The proxy with TLS is on this machine: the limits on signing in count whom it speaks for.
  const app = createApp({
    logger: options.log,
    trustProxy: 'loopback',
    explain: (error) => explainLostDatabase(error) ?? explainGone(error),
    ...(options.tls === undefined ? {} : { tls: readTlsFiles(options.tls) }),
  });
  await app.register(cookie);
  addSecurityHeaders(app);
  const drain = createDrain(app);
  serveHealth(app, store.db, drain);
  const actors: Actors = new WeakMap();
  const principalOf = (request: FastifyRequest) => actors.get(request)?.principal;
  const requests = observeRequests(app, parts.metrics.registry, options.log, principalOf);
  const limit = await createRequestLimit(app, options.requestsPerMinute ?? REQUESTS_PER_MINUTE, principalOf);
  useConventions(app, { limit, guard: createChangeGuard(store, principalOf) });
  const serve = servePersonWith(store, actors);
  servePublic(app, plcRoutes.getAuthority, async () => authority.info(store.now()));
  app.get('/v1/openapi.json', async () =>
    openApiDocument({ title: 'PlanetLab Central', version: PLC_VERSION }, plcRoutes),
  );
  const limitSignIn = await createLimiter(app);
  const publicUrl = () => addresses.publicUrl;
  servePeople(app, serve, {
    store,
    publicUrl,
    authority: authority.info(store.now()).name,
    oidc: options.oidc,
    limitSignIn,
  });
  serveSites(app, serve, store);
  serveNodes(app, serve, { store, authority, nodeAddress: () => addresses.nodeAddress });
  serveSettings(app, serve, store);
  serveTags(app, serve, store);
  serveNodeService(app, serve, store);
  serveReboots(app, serve, parts);
  serveSlices(app, serve, store);
  serveSliceLife(app, serve, store);
  serveSlivers(app, serve, store);
  serveSelections(app, serve, store);
  serveMissionControl(app, serve, store, authority.identity.name);
  serveUsage(app, serve, parts);
  serveExec(app, serve, parts);
  serveOperations(app, serve, store, parts.feed, parts.stopping);
  serveEvents(app, serve, store);
  serveWatch(app, serve, store, parts.feed, parts.stopping);
  serveMetrics(app, store, parts.metrics);
  serveNodeMetrics(app, serve, store, publicUrl);
  if (options.consoleFolder !== undefined) await serveConsole(app, resolve(options.consoleFolder));
  return { app, drain, requests };
}

function startHousekeeping(store: Store, leaseMs: number, log: PlcOptions['log']): Disposable {
  const timer = setInterval(() => {
    oneAtATime(store.db, 'housekeeping', () => keepHouse(store, leaseMs)).catch((error) =>
      log.warn({ error: messageOf(error) }, 'housekeeping failed; it comes again'),
    );
  }, HOUSEKEEPING_INTERVAL_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}

const abortOnDispose = () => {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort(), [Symbol.dispose]: () => controller.abort() };
};

const withPort = ({ host }: HostPort, port: number): string => formatHostPort({ host, port });

function portOf(app: App, listen: HostPort): number {
  const address = app.server.address();
  return typeof address === 'object' && address !== null ? address.port : listen.port;
}
