import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Http2SecureServer } from 'node:http2';
import { connect, type TLSSocket } from 'node:tls';
import {
  type ExecStart,
  type LeaseRecord,
  type LeaseRequest,
  leaseAnswer,
  type NodeEvent,
  type NodeSite,
  type NodeSliver,
  nodeRoutes,
  type SshKey,
  type Tags,
  UPLINK_PROTOCOL,
} from '@planetlab/contract';
import {
  type App,
  acceptExec,
  createApp,
  digestOfLeases,
  digestOfSlivers,
  type ExecBackend,
  type HandlerContext,
  knownSliver,
  sendEvents,
  serve,
} from '@planetlab/contract/server';
import {
  createNodeRequest,
  createReplayGuard,
  issueLease,
  parsePublicKey,
  type SliceCredential,
  verifyProof,
  verifySliceCredential,
} from '@planetlab/credentials';
import {
  AuthorityName,
  DEFAULT_RESOURCES,
  fromInstant,
  ImageName,
  LeaseId,
  PlanetLabError,
  type SliceName,
  type SliverState,
  toInstant,
} from '@planetlab/model';
import { fakeFacts } from './fake-facts.ts';
import type { JoinedNode } from './join.ts';

/** A small node for tests of the PLC: it speaks the node's contract and pretends the slivers. */
export class FakeNode {
  readonly leases = new Map<SliceName, LeaseRecord>();
  readonly slivers = new Map<SliceName, NodeSliver>();
  readonly access = new Map<SliceName, readonly SshKey[]>();
  readonly tags = new Map<SliceName, Tags>();
  /** As it was told; undefined for a node manager that cannot be told. */
  site: NodeSite | null | undefined = null;
  /** Every request, as `METHOD path by principal`. */
  readonly requests: string[] = [];
  /** Slivers that it told of at the beginning of a watch. */
  told = 0;
  /** How often somebody began to watch its slivers. */
  watches = 0;
  /** Set to make the node refuse leases. */
  refusal: PlanetLabError | undefined;
  /** The newest one that it was given. */
  certificate: string | undefined;
  /** A node manager of before there was `requestLeases` does not. */
  knowsManyAtOnce = true;
  /** Whether a lease's sliver runs at once. */
  autoRun = true;
  /** How far its clock is ahead. */
  clockAheadMs = 0;
  /** Why it was asked to reboot; it does when `boot` is changed. */
  readonly rebootsAsked: string[] = [];
  boot = 'first';
  execBackend: ((start: ExecStart) => Promise<ExecBackend>) | undefined;
  /** Exec streams that neither side has closed for good. */
  openExecs = 0;
  readonly #joined: JoinedNode;
  readonly #guard = createReplayGuard();
  readonly #watchers = new Set<(event: NodeEvent) => void>();
  readonly #app: App;
  #socket: TLSSocket | undefined;

  constructor(joined: JoinedNode) {
    this.#joined = joined;
    this.#app = createApp({ http2: true });
    this.#serve();
  }

  get name() {
    return this.#joined.name;
  }

  /** Dials the PLC; resolves when TLS is up. */
  async connect(): Promise<TLSSocket> {
    await this.#app.ready();
    const socket = dialUplink(this.#joined);
    this.#socket = socket;
    await once(socket, 'secureConnect');
    // Fastify's server is an HTTP/2 one that has not been told to listen.
    (this.#app.server as unknown as Http2SecureServer).emit('connection', socket);
    return socket;
  }

  /** The same node, its leases and slivers included, dialling another address: a PLC that was started again. */
  at(host: string, port: number): FakeNode {
    const moved = new FakeNode({ ...this.#joined, host, port });
    for (const [slice, lease] of this.leases) moved.leases.set(slice, lease);
    for (const [slice, sliver] of this.slivers) moved.slivers.set(slice, sliver);
    return moved;
  }

  /** Resolves when the PLC has closed the connection. */
  async closed(): Promise<void> {
    if (this.#socket !== undefined && !this.#socket.destroyed) await once(this.#socket, 'close');
  }

  disconnect(): void {
    this.#socket?.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.disconnect();
    await this.#app.close();
  }

  /** Changes a sliver's state and reports it. */
  report(slice: string, state: SliverState, change: Partial<NodeSliver> = {}): void {
    const name = slice as SliceName;
    const lease = this.leases.get(name);
    const before = this.slivers.get(name);
    const sliver: NodeSliver = {
      slice: name,
      state,
      reason: null,
      since: toInstant(Date.now()),
      leaseId: lease?.id ?? before?.leaseId ?? LeaseId.parse(randomUUID()),
      expiresAt: lease?.expiresAt ?? toInstant(Date.now()),
      image: lease?.image ?? ImageName.parse('debian-12'),
      resources: lease?.resources ?? DEFAULT_RESOURCES,
      ipv4: '10.0.0.1',
      ipv6: null,
      ...change,
    };
    if (state === 'gone') this.slivers.delete(name);
    else this.slivers.set(name, sliver);
    for (const tell of this.#watchers) tell({ type: 'sliver', sliver });
  }

  /** As when its lease ran out. */
  end(slice: string): void {
    const leaseId = this.leases.get(slice as SliceName)?.id;
    this.leases.delete(slice as SliceName);
    this.report(slice, 'gone', leaseId === undefined ? {} : { leaseId });
  }

  #serve(): void {
    this.#serveNode();
    this.#serveSlivers();
  }

  #serveNode(): void {
    const app = this.#app;
    serve(app, nodeRoutes.getNode, async (_input, context) => {
      this.#authorise(context);
      const facts = fakeFacts(this.#joined, this.slivers.size, this.boot);
      return this.site === undefined ? facts : { ...facts, site: this.site };
    });
    serve(app, nodeRoutes.getCertificateRequest, async (_input, context) => {
      this.#authorise(context);
      return { certificateRequest: await createNodeRequest(this.#joined.key, this.#joined.name) };
    });
    serve(app, nodeRoutes.setCertificate, async ({ body }, context) => {
      this.#authorise(context);
      this.certificate = body.certificate;
    });
    serve(app, nodeRoutes.setSite, async ({ body }, context) => {
      this.#authorise(context);
      this.site = body;
    });
    serve(app, nodeRoutes.reboot, async ({ body }, context) => {
      const { principal } = this.#authorise(context);
      if (this.refusal !== undefined) throw this.refusal;
      this.rebootsAsked.push(`${principal}: ${body.reason}`);
      return { bootId: this.boot };
    });
  }

  #serveSlivers(): void {
    const app = this.#app;
    serve(app, nodeRoutes.listLeases, async ({ query }, context) => {
      this.#authorise(context);
      const items = [...this.leases.values()];
      return query.known === digestOfLeases(items) ? { items: [], known: true as const } : { items };
    });
    serve(app, nodeRoutes.requestLease, async ({ body }, context) => this.#grant(body, this.#authorise(context)));
    serve(app, nodeRoutes.requestLeases, async ({ body }, context) => {
      if (!this.knowsManyAtOnce) throw new PlanetLabError('no_such_route', 'There is no such route here.');
      const credential = this.#authorise(context);
      return { items: body.items.map((request) => leaseAnswer(() => this.#grant(request, credential))) };
    });
    serve(app, nodeRoutes.renewLease, async ({ params, body }, context) => {
      const credential = this.#authorise(context);
      const lease = this.#find(params.lease);
      return this.#hold({ ...lease, expiresAt: body.expiresAt }, credential);
    });
    serve(app, nodeRoutes.changeLease, async ({ params, body }, context) => {
      const credential = this.#authorise(context);
      const lease = this.#find(params.lease);
      if (body.stopped !== undefined) return this.#setStopped(lease, body.stopped, credential);
      if (this.refusal !== undefined) throw this.refusal;
      return this.#hold({ ...lease, resources: body.resources ?? lease.resources }, credential);
    });
    serve(app, nodeRoutes.endLease, async ({ params }, context) => {
      this.#authorise(context);
      this.end(this.#find(params.lease).slice);
    });
    serve(app, nodeRoutes.setAccess, async ({ params, body }, context) => {
      this.#authorise(context);
      this.access.set(params.slice, body.keys);
    });
    serve(app, nodeRoutes.setTags, async ({ params, body }, context) => {
      this.#authorise(context);
      this.tags.set(params.slice, body.tags);
    });
    serve(app, nodeRoutes.watchSlivers, async ({ query }, context) => {
      this.#authorise(context);
      await sendEvents(context, this.#events(query.known));
    });
    serve(app, nodeRoutes.exec, async ({ params }, context) => {
      this.openExecs++;
      context.reply.raw.once('close', () => {
        this.openExecs--;
      });
      this.#authorise(context);
      const backend = this.execBackend;
      if (backend === undefined) throw new PlanetLabError('sliver_not_running', `${params.slice} is not running here.`);
      await acceptExec(context, backend);
    });
  }

  #authorise({ request }: HandlerContext): SliceCredential {
    const token = /^DPoP (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const authority = this.#joined.reply.authority;
    const trusted = { name: AuthorityName.parse(authority.name), key: parsePublicKey(authority.publicKey) };
    const now = Date.now() + this.clockAheadMs;
    const credential = verifySliceCredential(token, [trusted], now);
    const proof = String(request.headers['dpop']);
    const key = verifyProof(proof, { method: request.method, path: request.url, token }, now, this.#guard);
    if (key.thumbprint !== credential.holder) throw new PlanetLabError('proof_invalid', 'Not the holder.');
    this.requests.push(`${request.method} ${request.url} by ${credential.principal}`);
    return credential;
  }

  #grant(request: LeaseRequest, credential: SliceCredential): LeaseRecord {
    if (this.refusal !== undefined) throw this.refusal;
    const existing = this.leases.get(request.slice);
    if (existing !== undefined) return existing;
    this.access.set(request.slice, request.keys);
    const { slice, image, resources, expiresAt } = request;
    const grantedAt = toInstant(Date.now());
    const lease = this.#hold(
      { id: LeaseId.parse(randomUUID()), slice, image, resources, expiresAt, grantedAt },
      credential,
    );
    this.report(slice, 'starting');
    if (this.autoRun) setTimeout(() => this.leases.get(slice)?.id === lease.id && this.report(slice, 'running'), 5);
    return lease;
  }

  #hold(terms: Omit<LeaseRecord, 'token' | 'holder' | 'principal'>, credential: SliceCredential): LeaseRecord {
    const { holder, principal, authority } = credential;
    const token = issueLease(this.#joined.key, {
      id: terms.id,
      node: this.#joined.reply.nodeId,
      nodeName: this.#joined.name,
      slice: terms.slice,
      holder,
      principal,
      authority,
      resources: terms.resources,
      image: terms.image,
      issuedAtMs: fromInstant(terms.grantedAt),
      expiresAtMs: fromInstant(terms.expiresAt),
      ...(terms.stopped === undefined ? {} : { stopped: terms.stopped }),
    });
    const lease: LeaseRecord = { ...terms, holder, principal, token };
    this.leases.set(lease.slice, lease);
    return lease;
  }

  #setStopped(lease: LeaseRecord, reason: string | null, credential: SliceCredential): LeaseRecord {
    const { stopped: _, ...terms } = lease;
    const changed = this.#hold({ ...terms, ...(reason === null ? {} : { stopped: reason }) }, credential);
    const stopped = { reason: { code: 'sliver_not_running', message: reason ?? '' } };
    setTimeout(() => this.report(lease.slice, reason === null ? 'running' : 'stopped', reason === null ? {} : stopped));
    return changed;
  }

  #find(id: LeaseId): LeaseRecord {
    const lease = [...this.leases.values()].find((held) => held.id === id);
    if (lease === undefined) throw new PlanetLabError('unknown_lease', 'There is no such lease here.');
    return lease;
  }

  async *#events(known: string | undefined): AsyncGenerator<NodeEvent> {
    const slivers = [...this.slivers.values()];
    const isKnown = known === digestOfSlivers(slivers.map(knownSliver));
    const queue: NodeEvent[] = isKnown ? [] : slivers.map((sliver) => ({ type: 'sliver', sliver }));
    this.told += queue.length;
    this.watches += 1;
    queue.push(isKnown ? { type: 'synced', known: true } : { type: 'synced' });
    let wake: () => void = () => {};
    const tell = (event: NodeEvent) => {
      queue.push(event);
      wake();
    };
    this.#watchers.add(tell);
    try {
      for (;;) {
        const event = queue.shift();
        if (event === undefined) await new Promise<void>((resolve) => (wake = resolve));
        else yield event;
      }
    } finally {
      this.#watchers.delete(tell);
    }
  }
}

/** The TLS connection of an uplink, without anything on it yet. */
export function dialUplink(joined: JoinedNode, changes: { cert?: string; key?: string } = {}): TLSSocket {
  const socket = connect({
    host: joined.host,
    port: joined.port,
    ca: joined.reply.ca,
    cert: changes.cert ?? joined.reply.certificate,
    key: changes.key ?? joined.key.exportPem(),
    ALPNProtocols: [UPLINK_PROTOCOL],
    minVersion: 'TLSv1.3',
  });
  socket.on('error', () => {}); // tests look at what the PLC says
  return socket;
}
