import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import fastifyStatic from '@fastify/static';
import { type Change, Person, type PlcNode, plcRoutes } from '@planetlab/contract';
import { type App, createApp, sendEvents, serve } from '@planetlab/contract/server';
import { DAY_MS, PlanetLabError, Principal, toInstant } from '@planetlab/model';
import { type ConsoleWorld, setNode } from './console-world.ts';

/** As strict as the PLC's own: only what comes from here runs, nothing is inline but styles. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
  "font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

const ADA = Person.parse({
  email: 'ada@example.org',
  name: 'Ada Lovelace',
  enabled: true,
  roles: [{ role: 'admin', site: null }],
  createdAt: '2026-01-01T00:00:00.000Z',
});

interface ConsoleServerOptions {
  /** The built console. */
  readonly dist: string;
  readonly world: ConsoleWorld;
  /** 0 for any. */
  readonly port?: number;
}

/**
 * The part of the PLC that the console sees, on a world in memory: the contract's own routes and validation, sessions by
 * one-time code, a stream of changes that can be cut.
 */
export class ConsoleServer {
  readonly world: ConsoleWorld;
  readonly #app: App;
  readonly #codes = new Set<string>();
  readonly #sessions = new Set<string>();
  readonly #watchers = new Set<Watcher>();
  #port = 0;
  /** While true, the stream of changes is refused. */
  streamDown = false;
  /** While set, no owner lets a machine be rebooted, for this reason. */
  rebootRefusal: string | undefined;

  private constructor(app: App, world: ConsoleWorld) {
    this.#app = app;
    this.world = world;
  }

  static async start({ dist, world, port = 0 }: ConsoleServerOptions): Promise<ConsoleServer> {
    const app = createApp();
    const server = new ConsoleServer(app, world);
    server.#serveSessions();
    server.#serveLists();
    server.#serveNodes();
    app.addHook('onSend', async (_request, reply) => {
      reply.header('content-security-policy', CONTENT_SECURITY_POLICY).header('x-content-type-options', 'nosniff');
    });
    await app.register(fastifyStatic, { root: dist });
    const index = await readFile(`${dist}/index.html`, 'utf8');
    app.get('/sign-in', (_request, reply) => reply.type('text/html').send(index));
    await app.listen({ port, host: '127.0.0.1' });
    server.#port = (app.server.address() as AddressInfo).port; // a TCP listener
    return server;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** A link that signs in once. */
  signInLink(): string {
    const code = `code-${this.#codes.size + 1}-${Math.random().toString(36).slice(2)}`;
    this.#codes.add(code);
    return `${this.url}/sign-in#code=${code}`;
  }

  /** Tells everyone who watches what to read again. */
  push(...changes: readonly Change[]): void {
    for (const watcher of this.#watchers) watcher.push(changes);
  }

  cutStreams(): void {
    for (const watcher of this.#watchers) watcher.end();
  }

  /** Everybody is signed out, as after a restart with new keys. */
  forgetSessions(): void {
    this.#sessions.clear();
  }

  async stop(): Promise<void> {
    this.cutStreams();
    await this.#app.close();
  }

  #serveSessions(): void {
    this.#app.addHook('onRequest', async (request) => {
      const { url, method } = request;
      const open = ['/v1/authority', '/v1/sign-in-methods'].includes(url);
      if (!url.startsWith('/v1/') || open || (url === '/v1/sessions' && method === 'POST')) return;
      const session = /planetlab_session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
      if (method !== 'GET' && request.headers['x-planetlab-console'] === undefined) {
        throw new PlanetLabError('forbidden', 'This request does not come from the console.');
      }
      if (!this.#sessions.has(session)) throw new PlanetLabError('not_signed_in', 'You are not signed in.');
    });
    serve(this.#app, plcRoutes.createSession, async ({ body }, { reply }) => {
      if (!this.#codes.delete(body.code)) {
        throw new PlanetLabError(
          'sign_in_link_invalid',
          'This sign-in link has been used or is too old. Ask for a new one.',
        );
      }
      const session = `session-${Math.random().toString(36).slice(2)}`;
      this.#sessions.add(session);
      reply.header('set-cookie', `planetlab_session=${session}; HttpOnly; SameSite=Strict; Path=/`);
      return ADA;
    });
    serve(this.#app, plcRoutes.getSignInMethods, async () => ({ passkeys: false, oidc: null, signUp: false }));
    serve(this.#app, plcRoutes.getMe, async () => ADA);
    serve(this.#app, plcRoutes.endSession, async () => this.forgetSessions());
  }

  /** What people do about a node. */
  #serveNodes(): void {
    const change = (name: string, over: Partial<PlcNode>): PlcNode => {
      setNode(this.world, name, over);
      const node = this.world.nodes.find((each) => each.name === name);
      if (node === undefined) throw new PlanetLabError('unknown_node', `There is no node ${name}.`);
      return node;
    };
    serve(this.#app, plcRoutes.changeNode, async ({ params, body }) =>
      change(params.node, body.interfaces === undefined ? {} : { interfaces: body.interfaces }),
    );
    serve(this.#app, plcRoutes.rebootNode, async ({ params, body }) => {
      if (this.rebootRefusal !== undefined) throw new PlanetLabError('admission_refused', this.rebootRefusal);
      const by = Principal.parse(`person:${ADA.email}`);
      const [at, dueAt] = [toInstant(Date.now()), toInstant(Date.now() + DAY_MS)];
      const drain = { reason: `to be rebooted when it is empty: ${body.reason}`, at, by };
      const reason = { code: 'node_draining', message: `The node takes no new slivers (${drain.reason}).` };
      const reboot = { reason: body.reason, at, by, now: body.now, dueAt, askedAt: null };
      return change(params.node, { reboot, drain, reason });
    });
    serve(this.#app, plcRoutes.cancelReboot, async ({ params }) =>
      change(params.node, { reboot: null, drain: null, reason: null }),
    );
  }

  #serveLists(): void {
    const app = this.#app;
    serve(app, plcRoutes.getAuthority, async () => this.world.authority);
    serve(app, plcRoutes.listNodes, async ({ query }) => pageOf(this.world.nodes, query));
    serve(app, plcRoutes.listAnnouncements, async () => ({ items: [], next: null }));
    serve(app, plcRoutes.listSlices, async ({ query }) => pageOf(this.world.slices, query));
    serve(app, plcRoutes.listSlivers, async ({ query }) =>
      pageOf(
        this.world.slivers.filter(
          ({ slice, node }) =>
            (query.slice === undefined || slice === query.slice) && (query.node === undefined || node === query.node),
        ),
        query,
      ),
    );
    serve(app, plcRoutes.watch, async (_input, context) => {
      if (this.streamDown) throw new PlanetLabError('internal', 'The stream is down.');
      const watcher = new Watcher();
      this.#watchers.add(watcher);
      try {
        await sendEvents(context, watcher);
      } finally {
        this.#watchers.delete(watcher);
      }
    });
  }
}

/** The cursor is the position, which a client must not know. */
function pageOf<T>(all: readonly T[], { limit, after }: { limit: number; after?: string | undefined }) {
  const start = after === undefined ? 0 : Number.parseInt(after, 36);
  const end = start + limit;
  return { items: all.slice(start, end), next: end < all.length ? end.toString(36) : null };
}

class Watcher implements AsyncIterable<Change> {
  #queue: Change[] = [];
  #ended = false;
  #wake = Promise.withResolvers<void>();

  push(changes: readonly Change[]): void {
    this.#queue.push(...changes);
    this.#wake.resolve();
  }

  end(): void {
    this.#ended = true;
    this.#wake.resolve();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Change> {
    while (!this.#ended) {
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
      const changes = this.#queue;
      this.#queue = [];
      yield* changes;
    }
  }
}
