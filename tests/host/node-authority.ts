import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { UPLINK_PROTOCOL } from '@planetlab/contract';
import {
  type AuthorityIdentity,
  createAuthorityIdentity,
  formatJoinToken,
  issueNodeCertificate,
  issueServerCertificate,
  newSecret,
} from '@planetlab/credentials';
import { AuthorityName, DAY_MS, NodeId, type NodeName, toInstant } from '@planetlab/model';

/** An authority that only lets nodes join and calls their API: as much of a PLC as these tests need. */
export interface TestAuthority extends AsyncDisposable {
  readonly identity: AuthorityIdentity;
  readonly address: string;
  invitation(node: NodeName): string;
  /** What has been asked of it, as `METHOD path`. */
  requests(): readonly string[];
  /** The node's connection, once it has dialled (again). */
  uplinked(): Promise<ClientHttp2Session>;
}

/** Answers the two questions of a node that joins. */
function joinHandler(identity: AuthorityIdentity, secrets: ReadonlyMap<string, NodeName>, requests: string[]) {
  const info = () => ({
    name: identity.name,
    version: '0',
    caPem: identity.certificatePem,
    fingerprint: identity.fingerprint,
    clock: toInstant(Date.now()),
    publicKey: identity.key.publicKey.jwk,
  });
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(`${request.method} ${request.url}`);
    if (request.url !== '/v1/join') {
      response.setHeader('content-type', 'application/json');
      return void response.end(JSON.stringify(info()));
    }
    let text = '';
    for await (const chunk of request) text += String(chunk);
    const body = JSON.parse(text);
    const nodeName = secrets.get(body.secret);
    if (nodeName === undefined) return void response.writeHead(401).end();
    const nodeId = NodeId.parse(crypto.randomUUID());
    const { certificatePem } = await issueNodeCertificate(
      identity,
      { csrPem: String(body.certificateRequest), nodeId, nodeName, addresses: ['127.0.0.1', ...body.addresses] },
      Date.now(),
    );
    response.writeHead(201, { 'content-type': 'application/json' });
    const ca = identity.certificatePem;
    response.end(JSON.stringify({ nodeId, certificate: certificatePem, ca, authority: info() }));
  };
}

export async function startAuthority(host: string): Promise<TestAuthority> {
  const identity = await createAuthorityIdentity(AuthorityName.parse('test-authority'), Date.now());
  const tls = await issueServerCertificate(identity, { names: [host] }, Date.now());
  const requests: string[] = [];
  const secrets = new Map<string, NodeName>();
  const sessions: ClientHttp2Session[] = [];
  const waiting: ((session: ClientHttp2Session) => void)[] = [];
  const server = createServer(
    {
      key: tls.keyPem,
      cert: tls.certificatePem,
      ca: [tls.caPem],
      requestCert: true,
      rejectUnauthorized: false,
      ALPNProtocols: [UPLINK_PROTOCOL, 'http/1.1'],
      // an uplink lasts; to this server it is a request that never comes
      requestTimeout: 0,
      headersTimeout: 0,
    },
    joinHandler(identity, secrets, requests),
  );
  server.on('secureConnection', (socket) => {
    if (socket.alpnProtocol !== UPLINK_PROTOCOL) return;
    const session = connect('https://node', { createConnection: () => socket });
    session.on('error', () => {});
    const takers = waiting.splice(0); // some may have given up
    if (takers.length === 0) sessions.push(session);
    for (const take of takers) take(session);
  });
  server.listen(0, host);
  await once(server, 'listening');
  const address = `${host}:${(server.address() as AddressInfo).port}`;
  return {
    identity,
    address,
    invitation(node) {
      const secret = newSecret();
      secrets.set(secret, node);
      const { fingerprint } = identity;
      return formatJoinToken({ address, fingerprint, node, secret, expiresAtMs: Date.now() + DAY_MS });
    },
    requests: () => requests,
    uplinked() {
      const session = sessions.pop();
      return session === undefined ? new Promise((resolve) => waiting.push(resolve)) : Promise.resolve(session);
    },
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
