import { X509Certificate } from 'node:crypto';
import { request } from 'node:https';
import { createClient, type JoinReply, joinRoutes, type Transport } from '@planetlab/contract';
import {
  createNodeRequest,
  generateKeyPair,
  type JoinToken,
  type KeyPair,
  parseJoinToken,
} from '@planetlab/credentials';
import { NodeName, toInstant } from '@planetlab/model';

/** A machine that has joined: what a node keeps of it. */
export interface JoinedNode {
  readonly name: NodeName;
  readonly key: KeyPair;
  readonly reply: JoinReply;
  readonly host: string;
  readonly port: number;
}

export interface JoinChanges {
  readonly node?: string;
  readonly secret?: string;
  readonly clockMs?: number;
  readonly key?: KeyPair;
  readonly certificateRequest?: string;
  readonly addresses?: string[];
}

/** Joins as a machine does, over TLS. That the authority is the right one a node checks; here it is not the question. */
export async function join(tokenText: string, changes: JoinChanges = {}): Promise<JoinedNode> {
  const token = parseJoinToken(tokenText);
  const key = changes.key ?? generateKeyPair();
  const { host, port } = addressOf(token);
  const name = NodeName.parse(changes.node ?? token.node);
  const reply = await createClient(joinRoutes, httpsTransport(host, port)).join({
    body: {
      secret: changes.secret ?? token.secret,
      node: name,
      certificateRequest: changes.certificateRequest ?? (await createNodeRequest(key, name)),
      clock: toInstant(changes.clockMs ?? Date.now()),
      addresses: changes.addresses ?? [],
    },
  });
  return { name, key, reply, host, port };
}

export const certificateOf = (joined: JoinedNode): X509Certificate => new X509Certificate(joined.reply.certificate);

export function addressOf(token: JoinToken): { host: string; port: number } {
  const { hostname, port } = new URL(`https://${token.address.split(',')[0]}`);
  return { host: hostname, port: Number(port) };
}

export const httpsTransport =
  (host: string, port: number): Transport =>
  ({ method, path, headers, body }) =>
    new Promise((resolve, reject) => {
      const outgoing = request(
        { host, port, method, path, headers, rejectUnauthorized: false, agent: false },
        (reply) =>
          resolve({ status: reply.statusCode ?? 0, contentType: reply.headers['content-type'] ?? '', body: reply }),
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });
