import { once } from 'node:events';
import { createServer, request } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Transport } from '@planetlab/contract';
import { createAuthorityIdentity, issueServerCertificate } from '@planetlab/credentials';
import { AuthorityName, toInstant } from '@planetlab/model';

export interface Impostor extends AsyncDisposable {
  readonly address: string;
  /** What it was asked, as `METHOD path`. */
  heard(): readonly string[];
}

/** Somebody between a machine and its authority: shows the true root, which is no secret, with his own behind it. */
export async function startImpostor(trueRoot: string): Promise<Impostor> {
  const own = await createAuthorityIdentity(AuthorityName.parse('impostor.example'), Date.now());
  const tls = await issueServerCertificate(own, { names: ['127.0.0.1'] }, Date.now());
  const heard: string[] = [];
  const server = createServer({ key: tls.keyPem, cert: tls.certificatePem }, (incoming, reply) => {
    heard.push(`${incoming.method} ${incoming.url}`);
    reply.setHeader('content-type', 'application/json');
    reply.end(
      JSON.stringify({
        name: own.name,
        version: '0',
        caPem: `${trueRoot}\n${own.certificatePem}`,
        fingerprint: own.fingerprint,
        clock: toInstant(Date.now()),
        publicKey: own.key.publicKey.jwk,
      }),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo; // it listens on TCP
  return {
    address: `127.0.0.1:${port}`,
    heard: () => heard,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** HTTPS that asks nobody for a certificate: a machine that does not do what ours does. */
export const carelessTransport =
  (address: string): Transport =>
  ({ method, path, headers, body }) =>
    new Promise((resolve, reject) => {
      const url = `https://${address}${path}`;
      const outgoing = request(url, { method, headers, rejectUnauthorized: false, agent: false }, (reply) =>
        resolve({ status: reply.statusCode ?? 0, contentType: reply.headers['content-type'] ?? '', body: reply }),
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });
