import { type RequestOptions, request } from 'node:https';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { Transport, TransportRequest } from '@planetlab/contract';
import { readServerCertificate } from '@planetlab/credentials';
import { messageOf, PlanetLabError } from '@planetlab/model';
import { parseEndpoint } from '../config.ts';

const TIMEOUT_MS = 20_000;

export interface TlsTransportOptions {
  readonly trust: string | 'nobody-yet';
  /** The address of this machine to speak from; by default what its routes say. */
  readonly localAddress?: string | undefined;
}

/**
 * HTTPS to the authority's listener for nodes. `trust` is the one root certificate to trust, in PEM; `nobody-yet` on
 * first contact, when the reply is compared with a fingerprint and nothing secret is sent.
 */
export const tlsTransport =
  (address: string, options: TlsTransportOptions): Transport =>
  (call) => {
    const { promise, resolve, reject } = Promise.withResolvers<Awaited<ReturnType<Transport>>>();
    const outgoing = request(requestOptions(address, call, options), (response) =>
      resolve({
        status: response.statusCode ?? 500,
        contentType: response.headers['content-type'] ?? '',
        body: response,
      }),
    );
    outgoing.once('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
    outgoing.once('error', (cause) => reject(unreachable(address, cause)));
    outgoing.end(call.body);
    return promise;
  };

function requestOptions(
  address: string,
  call: TransportRequest,
  { trust, localAddress }: TlsTransportOptions,
): RequestOptions {
  const { host, port } = parseEndpoint(address);
  const length: Record<string, string> =
    call.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(call.body)) };
  return {
    host,
    port,
    method: call.method,
    path: call.path,
    headers: { ...call.headers, ...length },
    agent: false,
    minVersion: 'TLSv1.3',
    timeout: TIMEOUT_MS,
    ...(localAddress === undefined ? {} : { localAddress }),
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(trust === 'nobody-yet' ? { rejectUnauthorized: false } : { ca: [trust], checkServerIdentity: isAuthority }),
  };
}

/** Nodes have certificates under the same root: besides the host name, it must be the authority's own. */
function isAuthority(host: string, certificate: PeerCertificate): Error | undefined {
  const mismatch = checkServerIdentity(host, certificate);
  if (mismatch !== undefined) return mismatch;
  try {
    readServerCertificate(certificate.raw);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(messageOf(error));
  }
}

const unreachable = (address: string, cause: unknown) =>
  new PlanetLabError(
    'authority_unreachable',
    `The authority at ${address} could not be reached: ${messageOf(cause)}. Check that this machine can connect to it.`,
    { cause },
  );
