import type { TLSSocket } from 'node:tls';
import { type NodeIdentity, readNodeCertificate } from '@planetlab/credentials';
import { formatTime, isPlanetLabError, MINUTE_MS, messageOf, type NodeId, PlanetLabError } from '@planetlab/model';
import type { Logger } from 'pino';
import { PROCESS_HEARTBEAT_MS } from '../nodes/liveness.ts';
import { noteBrokenOff, noteRefusedUplink } from '../nodes/refusals.ts';
import { NODE_HEADER, type Peers } from '../processes/peers.ts';
import type { Store } from '../store/store.ts';
import { Allowance } from './allowance.ts';
import { floods } from './flood.ts';
import type { NodeLink, UplinkFinder } from './reach.ts';
import type { SessionTimes } from './session.ts';
import {
  createConnectedStore,
  createNodeReader,
  findHolder,
  forgetProcess,
  reapProcesses,
  storeDisconnected,
  storeHeartbeat,
} from './store.ts';
import { openUplink, refuseUplink, type Uplink } from './uplink.ts';

/** The uplinks that this process holds; the database knows which process holds which. */
export interface UplinkRegistry extends UplinkFinder, AsyncDisposable {
  /** How many this process holds. */
  readonly size: number;
  /** Takes a TLS connection whose protocol is that of an uplink. Never throws: who is not let in is told why. */
  accept(socket: TLSSocket): Promise<void>;
  /** Takes no more connections, and tells the other processes not to look for nodes here. Those that are open stay. */
  leave(): Promise<void>;
  /** Tells the other processes where this one listens: from now on they can pass requests on to its nodes. */
  listensAt(address: string): Promise<void>;
}

export interface UplinkRegistryOptions {
  readonly store: Store;
  /** By whom nodes are certified. */
  readonly authority: { readonly certificatePem: string };
  readonly log: Logger;
  /** This process alone uses the database: whatever others left behind is void. */
  readonly alone: boolean;
  readonly processId: string;
  readonly peers: Peers;
  readonly onOpen: (uplink: Uplink) => void;
  readonly times?: SessionTimes;
}

export async function createUplinkRegistry(options: UplinkRegistryOptions): Promise<UplinkRegistry> {
  const registry = new Registry(options);
  await registry.start();
  return registry;
}

/** Two machines that both take themselves for one node open fewer. Each is two events, and wakes whoever watches. */
const CONNECTIONS = { atOnce: 50, perSecond: 0.5 };

class Registry implements UplinkRegistry {
  readonly #options: UplinkRegistryOptions;
  readonly #processId: string;
  readonly #startedAt: Date;
  readonly #storeConnected: ReturnType<typeof createConnectedStore>;
  readonly #findNode: ReturnType<typeof createNodeReader>;
  #address: string | undefined;
  readonly #uplinks = new Map<NodeId, Uplink>();
  /** How many connections each node that has been here may still open: of none more than the authority has nodes. */
  readonly #connections = new Map<NodeId, Allowance>();
  #timer: NodeJS.Timeout | undefined;
  #left = false;
  #stopped = false;

  constructor(options: UplinkRegistryOptions) {
    this.#options = options;
    this.#processId = options.processId;
    this.#startedAt = options.store.now();
    this.#storeConnected = createConnectedStore(options.store, options.processId);
    this.#findNode = createNodeReader(options.store.db);
  }

  async start(): Promise<void> {
    const { store, alone } = this.#options;
    await storeHeartbeat(store, this.#self, []);
    await reapProcesses(store, this.#processId, alone);
    this.#timer = setInterval(() => void this.#beat(), PROCESS_HEARTBEAT_MS);
  }

  get size(): number {
    return this.#uplinks.size;
  }

  get(node: NodeId): Uplink | undefined {
    return this.#uplinks.get(node);
  }

  async elsewhere(node: NodeId): Promise<NodeLink | undefined> {
    const { store, peers } = this.#options;
    const holder = await findHolder(store, this.#processId, node);
    if (holder?.address == null) return undefined;
    return { session: await peers.session(holder.processId, holder.address), headers: { [NODE_HEADER]: node } };
  }

  async listensAt(address: string): Promise<void> {
    this.#address = address;
    await this.#beat();
  }

  get #self() {
    return { id: this.#processId, startedAt: this.#startedAt, address: this.#address };
  }

  async accept(socket: TLSSocket): Promise<void> {
    if (this.#left) return void socket.destroy();
    const complain = (error: unknown) =>
      this.#options.log.warn({ from: socket.remoteAddress, reason: messageOf(error) }, 'uplink not accepted');
    let node: NodeIdentity;
    try {
      node = await identify(this.#findNode, this.#options.store.now(), socket);
    } catch (error) {
      complain(error);
      if (!isPlanetLabError(error, 'node_floods')) await this.#note(socket, error);
      return refuseUplink(socket, error instanceof PlanetLabError ? error : unavailable());
    }
    await this.#open(socket, node).catch(async (error) => {
      complain(error);
      socket.destroy();
      if (isPlanetLabError(error, 'node_unreachable'))
        await this.#noted(noteBrokenOff(this.#options.store, node.nodeId));
    });
  }

  async #note(socket: TLSSocket, error: unknown): Promise<void> {
    const { store, authority } = this.#options;
    await this.#noted(noteRefusedUplink(store, socket.getPeerX509Certificate(), authority, error));
  }

  async #noted(noting: Promise<void>): Promise<void> {
    const { log } = this.#options;
    await noting.catch((cause) => log.warn({ error: messageOf(cause) }, 'a refusal was not noted'));
  }

  async #open(socket: TLSSocket, node: NodeIdentity): Promise<void> {
    const { store, log, times, onOpen } = this.#options;
    const uplink = await openUplink(socket, node, store.now(), times);
    const older = this.#uplinks.get(node.nodeId);
    this.#uplinks.set(node.nodeId, uplink);
    older?.close(new PlanetLabError('conflict', 'A newer connection of this node has taken the place of this one.'));
    uplink.closed.addEventListener('abort', () => void this.#closed(uplink), { once: true });
    if (!this.#allowanceOf(node.nodeId).take(1)) uplink.close(floods('one connection after the other'));
    try {
      await this.#storeConnected(held(uplink));
    } catch (error) {
      uplink.close(unavailable());
      throw error;
    }
    // It may have closed before its opening was stored.
    if (uplink.closed.aborted) return storeDisconnected(store, this.#processId, held(uplink), endOf(uplink));
    log.info({ node: node.nodeName }, 'node connected');
    onOpen(uplink);
  }

  #allowanceOf(node: NodeId): Allowance {
    const allowance = this.#connections.get(node) ?? new Allowance(CONNECTIONS);
    this.#connections.set(node, allowance);
    return allowance;
  }

  async #closed(uplink: Uplink): Promise<void> {
    const { nodeId, nodeName } = uplink.node;
    if (this.#uplinks.get(nodeId) !== uplink) return; // a newer one has taken its place
    this.#uplinks.delete(nodeId);
    const { store, log } = this.#options;
    const end = endOf(uplink);
    log.info({ node: nodeName, reason: end.reason }, 'node disconnected');
    await storeDisconnected(store, this.#processId, held(uplink), end).catch((error) =>
      log.warn({ error: messageOf(error) }, 'a lost uplink could not be recorded; the next heartbeat does it'),
    );
  }

  async #beat(): Promise<void> {
    const { store, log } = this.#options;
    if (this.#left) return;
    try {
      const moved = await storeHeartbeat(store, this.#self, [...this.#uplinks.values()].map(held));
      for (const node of moved) this.#uplinks.get(node)?.close(elsewhere());
      await reapProcesses(store, this.#processId, false);
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'heartbeat not stored');
    }
  }

  async leave(): Promise<void> {
    if (this.#left) return;
    this.#left = true;
    clearInterval(this.#timer);
    const { store, log } = this.#options;
    await forgetProcess(store, this.#processId).catch((error) =>
      log.warn({ error: messageOf(error) }, 'process not forgotten'),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#stopped) return;
    this.#stopped = true;
    await this.leave();
    const open = [...this.#uplinks.values()];
    this.#uplinks.clear();
    for (const uplink of open)
      uplink.close(new PlanetLabError('authority_unreachable', 'This process stops; dial again.'));
  }
}

const held = ({ node, connectedAt }: Uplink) => ({ nodeId: node.nodeId, nodeName: node.nodeName, connectedAt });

/** Why a connection has ended. */
const endOf = ({ closed: { reason } }: Uplink) => ({
  reason: messageOf(reason),
  flooded: reason instanceof Error && isPlanetLabError(reason.cause, 'node_floods'),
});

/**
 * Whose connection this is. Throws `credential_missing`, `credential_invalid`, `node_name_taken`, `unknown_node`, and
 * `node_floods` for one that is held off.
 */
async function identify(
  findNode: ReturnType<typeof createNodeReader>,
  now: Date,
  socket: TLSSocket,
): Promise<NodeIdentity> {
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) {
    throw new PlanetLabError('credential_missing', 'An uplink needs the certificate that the node got when it joined.');
  }
  if (!socket.authorized) {
    throw new PlanetLabError(
      'credential_invalid',
      `The node's certificate is not valid here: ${socket.authorizationError}. Join again with a new invitation.`,
    );
  }
  const identity = readNodeCertificate(certificate.raw);
  const node = await findNode(identity.nodeId);
  if (node === undefined || node.deleted_at !== null) {
    throw new PlanetLabError('unknown_node', `The node "${identity.nodeName}" was removed from this authority.`);
  }
  if (node.key_thumbprint !== identity.key.thumbprint) {
    throw new PlanetLabError(
      'node_name_taken',
      `Another machine has joined as the node "${node.name}" since this certificate was issued. To use this machine again, invite it anew.`,
    );
  }
  if (node.held_off_until !== null && node.held_off_until > now) throw heldOff(node.held_off_until);
  return identity;
}

/** The time in its sentence is a full minute: the next one. */
const heldOff = (until: Date) =>
  new PlanetLabError(
    'node_floods',
    `This node sent more than others leave room for; its connections are taken again at ${formatTime(new Date(until.getTime() + MINUTE_MS))}.`,
  );

const elsewhere = () =>
  new PlanetLabError('conflict', 'A newer connection of this node to another process has taken the place of this one.');

const unavailable = () => new PlanetLabError('internal', 'The authority cannot take the connection at this moment.');
