import type { ClientHttp2Session } from 'node:http2';
import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { readServerCertificate, type TlsIdentity } from '@planetlab/credentials';
import { messageOf, PlanetLabError, SECOND_MS } from '@planetlab/model';
import type { Logger } from 'pino';
import { parseHostPort } from '../host-port.ts';
import { keepAlive, SESSION_TIMES, settled, startSession } from '../uplinks/session.ts';

/** ALPN protocol by which one process of an authority asks another to pass requests on to nodes: HTTP/2. */
export const PROCESS_PROTOCOL = 'planetlab-process/1';
/** Header with the id of the node that a request between processes is for. */
export const NODE_HEADER = 'planetlab-node';

/** Connections from this process to others that share its database: one to each, made when first needed. */
export interface Peers extends Disposable {
  /** Throws `node_unreachable`: what is wanted of a peer is always a node. */
  session(processId: string, address: string): Promise<ClientHttp2Session>;
}

const CONNECT_TIMEOUT_MS = 5 * SECOND_MS;

export function createPeers(identity: () => Promise<TlsIdentity>, log: Logger): Peers {
  const sessions = new Map<string, Promise<ClientHttp2Session>>();
  const open = async (address: string, gone: () => void): Promise<ClientHttp2Session> => {
    try {
      const session = await openSession(address, await identity());
      session.once('close', gone);
      session.once('goaway', gone); // what is under way on it ends by itself
      if (session.destroyed || session.closed) gone();
      return session;
    } catch (error) {
      gone();
      log.warn({ address, error: messageOf(error) }, 'another process of this authority does not answer');
      throw new PlanetLabError(
        'node_unreachable',
        'The process of this authority that holds the node’s connection does not answer. The node connects anew within seconds; try again.',
        { cause: error },
      );
    }
  };
  return {
    session(processId, address) {
      const known = sessions.get(processId);
      if (known !== undefined) return known;
      const opened = open(address, () => {
        if (sessions.get(processId) === opened) sessions.delete(processId);
      });
      sessions.set(processId, opened);
      return opened;
    },
    [Symbol.dispose]() {
      for (const session of sessions.values()) {
        session.then(
          (it) => it.destroy(),
          () => {}, // it never opened
        );
      }
    },
  };
}

async function openSession(address: string, identity: TlsIdentity): Promise<ClientHttp2Session> {
  const socket = await dial(address, identity);
  const session = startSession(socket);
  const closed = new AbortController();
  session.on('error', (error) => closed.abort(error));
  session.on('close', () => closed.abort(new Error('the other process closed the connection')));
  await settled(session, closed.signal);
  keepAlive(session, SESSION_TIMES, (sentence) => session.destroy(new Error(sentence)));
  return session;
}

function dial(address: string, identity: TlsIdentity): Promise<TLSSocket> {
  const { host, port } = parseHostPort(address);
  const { promise, resolve, reject } = Promise.withResolvers<TLSSocket>();
  const socket = connect({
    host,
    port,
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ca: [identity.caPem],
    key: identity.keyPem,
    cert: identity.certificatePem,
    minVersion: 'TLSv1.3',
    ALPNProtocols: [PROCESS_PROTOCOL],
    // Addresses of processes change; that it is the authority's own server is what counts.
    checkServerIdentity: (_host, { raw }) => notOurs(raw),
    timeout: CONNECT_TIMEOUT_MS,
  });
  socket.once('timeout', () => socket.destroy(new Error(`no answer within ${CONNECT_TIMEOUT_MS / SECOND_MS} s`)));
  socket.on('error', reject);
  socket.once('close', () => reject(new Error('the connection was closed')));
  socket.once('secureConnect', () => {
    socket.setTimeout(0);
    socket.setNoDelay(true);
    resolve(socket);
  });
  return promise;
}

/** Nodes have certificates under the same root. */
function notOurs(der: Uint8Array): Error | undefined {
  try {
    readServerCertificate(der);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}
