import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import { connect, createServer } from 'node:tls';
import { AuthorityName, NodeId, NodeName } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import type { AuthorityIdentity } from './index.ts';
import {
  createAuthorityIdentity,
  createNodeRequest,
  generateKeyPair,
  issueNodeCertificate,
  issueServerCertificate,
  readNodeCertificate,
  readServerCertificate,
} from './index.ts';

/** The certificates in real TLS on loopback, checked by OpenSSL and not by us. */
const nodeId = NodeId.parse('0e8d2f5c-36a5-4c42-8f5e-2f4a8c1b7d02');
const nodeName = NodeName.parse('planetlab1.princeton');
const authority = await createAuthorityIdentity(AuthorityName.parse('planetlab'), Date.now());
const stranger = await createAuthorityIdentity(AuthorityName.parse('planetlab'), Date.now());

async function nodeFiles(issuer: AuthorityIdentity, nowMs = Date.now()) {
  const key = generateKeyPair();
  const csrPem = await createNodeRequest(key, nodeName);
  const issued = await issueNodeCertificate(issuer, { csrPem, nodeId, nodeName, addresses: ['127.0.0.1'] }, nowMs);
  return { key: key.exportPem(), cert: issued.certificatePem, publicKey: issued.key };
}

/** What the server thinks of one connection: who the client is, or `refused`. */
async function connectOnce(serverNames: readonly string[], options: ConnectionOptions) {
  const own = await issueServerCertificate(authority, { names: serverNames }, Date.now());
  const server = createServer({
    key: own.keyPem,
    cert: own.certificatePem,
    ca: own.caPem,
    requestCert: true,
    rejectUnauthorized: true,
    minVersion: 'TLSv1.3',
  });
  const seen = new Promise<ReturnType<typeof readNodeCertificate> | 'refused'>((resolve) => {
    server.on('secureConnection', (socket: TLSSocket) => {
      resolve(readNodeCertificate(socket.getPeerCertificate().raw));
      socket.end('welcome');
    });
    server.on('tlsClientError', () => resolve('refused'));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // a TCP server that listens has one
  const client = connect({ port, host: '127.0.0.1', ca: own.caPem, ...options });
  const ended = new Promise<string>((resolve) => {
    client.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    client.on('close', () => resolve('closed'));
    client.on('data', (data) =>
      resolve(`${data} from ${readServerCertificate(client.getPeerCertificate().raw).authority}`),
    );
  });
  try {
    return { client: await ended, server: await seen };
  } finally {
    client.destroy();
    server.close();
    await once(server, 'close');
  }
}

describe('TLS between our own programs', () => {
  it('connects a node to its authority by IP address, and each knows the other', async () => {
    const { publicKey, ...files } = await nodeFiles(authority);
    const result = await connectOnce(['127.0.0.1'], files);
    expect(result.client).toBe('welcome from planetlab');
    expect(result.server).toMatchObject({ nodeId, nodeName, key: publicKey });
  });

  it('connects by DNS name', async () => {
    const { key, cert } = await nodeFiles(authority);
    const result = await connectOnce(['plc.example.org'], { key, cert, servername: 'plc.example.org' });
    expect(result.client).toBe('welcome from planetlab');
  });

  it('refuses a client without a certificate, or with one of another authority of the same name', async () => {
    const { key, cert } = await nodeFiles(stranger);
    expect((await connectOnce(['127.0.0.1'], {})).server).toBe('refused');
    expect((await connectOnce(['127.0.0.1'], { key, cert })).server).toBe('refused');
  });

  it('refuses a client whose certificate has expired', async () => {
    const { key, cert } = await nodeFiles(authority, Date.now() - 2 * 365 * 24 * 3_600_000);
    expect((await connectOnce(['127.0.0.1'], { key, cert })).server).toBe('refused');
  });

  it('refuses a server of another authority, and one at another address than it is certified for', async () => {
    const { key, cert } = await nodeFiles(authority);
    const wrongRoot = await connectOnce(['127.0.0.1'], { key, cert, ca: stranger.certificatePem });
    expect(wrongRoot.client).not.toMatch(/^welcome/);
    const wrongAddress = await connectOnce(['192.0.2.1'], { key, cert });
    expect(wrongAddress.client).toBe('ERR_TLS_CERT_ALTNAME_INVALID');
  });
});
