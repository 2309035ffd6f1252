import { randomUUID } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import { type NodeIdentity, readNodeCertificate } from '@planetlab/credentials';
import { messageOf, type NodeId, PlanetLabError } from '@planetlab/model';
import type { Logger } from 'pino';
import { PROCESS_HEARTBEAT_MS } from '../nodes/liveness.ts';
import { findNodeById } from '../nodes/store.ts';
import type { Store } from '../store/store.ts';
import { forgetProcess, reapProcesses, storeConnected, storeDisconnected, storeHeartbeat } from './store.ts';
import { openUplink, refuseUplink, type Uplink, type UplinkTimes } from './uplink.ts';

/** The uplinks that this process holds; the database knows which process holds which. */
export interface UplinkRegistry extends AsyncDisposable {
  get(node: NodeId): Uplink | undefined;
  all(): readonly Uplink[];
  /** Takes a TLS connection whose protocol is that of an uplink. Never throws: who is not let in is told why. */
  accept(socket: TLSSocket): Promise<void>;
}

export interface UplinkRegistryOptions {
  readonly store: Store;
  readonly log: Logger;
  /** This process alone uses the database: whatever others left behind is void. */
  readonly alone: boolean;
  readonly onOpen: (uplink: Uplink) => void;
  readonly times?: UplinkTimes;
}

export async function createUplinkRegistry(options: UplinkRegistryOptions): Promise<UplinkRegistry> {
  const { store, log } = options;
  const processId = randomUUID();
  const startedAt = store.now();
  const uplinks = new Map<NodeId, Uplink>();
  const heldNow = () => [...uplinks.values()].map(held);
  await storeHeartbeat(store, processId, startedAt, []);
  await reapProcesses(store, processId, options.alone);

  const closed = async (uplink: Uplink): Promise<void> => {
    if (uplinks.get(uplink.node.nodeId) !== uplink) return; // a newer one has taken its place
    uplinks.delete(uplink.node.nodeId);
    const reason = messageOf(uplink.closed.reason);
    log.info({ node: uplink.node.nodeName, reason }, 'node disconnected');
    await storeDisconnected(store, processId, held(uplink), reason).catch((error) =>
      log.warn({ error: messageOf(error) }, 'a lost uplink could not be recorded; the next heartbeat does it'),
    );
  };

  const open = async (socket: TLSSocket, node: NodeIdentity): Promise<void> => {
    const uplink = await openUplink(socket, node, store.now(), options.times);
    const older = uplinks.get(node.nodeId);
    uplinks.set(node.nodeId, uplink);
    older?.close(new PlanetLabError('conflict', 'A newer connection of this node has taken the place of this one.'));
    uplink.closed.addEventListener('abort', () => void closed(uplink), { once: true });
    try {
      await storeConnected(store, processId, held(uplink));
    } catch (error) {
      uplink.close(unavailable());
      throw error;
    }
    if (uplink.closed.aborted) return storeDisconnected(store, processId, held(uplink), 'It closed at once.');
    log.info({ node: node.nodeName }, 'node connected');
    options.onOpen(uplink);
  };

  let stopped = false;
  const accept = async (socket: TLSSocket): Promise<void> => {
    if (stopped) return void socket.destroy();
    const complain = (error: unknown) =>
      log.warn({ from: socket.remoteAddress, reason: messageOf(error) }, 'uplink not accepted');
    try {
      const node = await identify(store, socket);
      await open(socket, node).catch((error) => {
        complain(error);
        socket.destroy();
      });
    } catch (error) {
      complain(error);
      refuseUplink(socket, error instanceof PlanetLabError ? error : unavailable());
    }
  };

  const beat = async (): Promise<void> => {
    try {
      await storeHeartbeat(store, processId, startedAt, heldNow());
      await reapProcesses(store, processId, false);
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'heartbeat not stored');
    }
  };
  const timer = setInterval(() => void beat(), PROCESS_HEARTBEAT_MS);

  return {
    get: (node) => uplinks.get(node),
    all: () => [...uplinks.values()],
    accept,
    async [Symbol.asyncDispose]() {
      if (stopped) return;
      stopped = true;
      clearInterval(timer);
      const open = [...uplinks.values()];
      uplinks.clear();
      for (const uplink of open) uplink.close(new PlanetLabError('authority_unreachable', 'The authority restarts.'));
      await forgetProcess(store, processId).catch((error) =>
        log.warn({ error: messageOf(error) }, 'process not forgotten'),
      );
    },
  };
}

const held = ({ node, connectedAt }: Uplink) => ({ nodeId: node.nodeId, nodeName: node.nodeName, connectedAt });

/** Whose connection this is. Throws `credential_missing`, `credential_invalid`, `node_name_taken`, `unknown_node`. */
async function identify(store: Store, socket: TLSSocket): Promise<NodeIdentity> {
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
  const node = await findNodeById(store.db, identity.nodeId);
  if (node === undefined || node.deleted_at !== null) {
    throw new PlanetLabError('unknown_node', `The node "${identity.nodeName}" was removed from this authority.`);
  }
  if (node.key_thumbprint !== identity.key.thumbprint) {
    throw new PlanetLabError(
      'node_name_taken',
      `Another machine has joined as the node "${node.name}" since this certificate was issued. To use this machine again, invite it anew.`,
    );
  }
  return identity;
}

const unavailable = () => new PlanetLabError('internal', 'The authority cannot take the connection at this moment.');
