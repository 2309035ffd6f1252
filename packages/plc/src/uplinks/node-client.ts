import { type Client, createClient, nodeRoutes, withHeaders } from '@planetlab/contract';
import { http2Transport } from '@planetlab/contract/http2';
import {
  type AuthorityIdentity,
  createProof,
  issueSliceCredential,
  type KeyPair,
  type Right,
} from '@planetlab/credentials';
import { MINUTE_MS, type Principal, type SliceName } from '@planetlab/model';
import type { NodeLink } from './reach.ts';

export type NodeClient = Client<typeof nodeRoutes>;

/** Somebody's right to ask nodes for something, renewed as needed. */
export interface CredentialSource {
  /** Headers for one request: the credential, and the proof that we hold its key. */
  headers(request: { readonly method: string; readonly path: string }): Record<string, string>;
}

export interface CredentialSubject {
  readonly principal: Principal;
  readonly slice: SliceName | '*';
  readonly rights: readonly Right[];
  /** What the credential is bound to. */
  readonly key: KeyPair;
}

const CREDENTIAL_MS = 10 * MINUTE_MS;
const RENEW_BEFORE_MS = 5 * MINUTE_MS;
/** Credentials begin a little in the past: nodes' clocks may be behind. */
const BACKDATE_MS = MINUTE_MS;

/** Short-lived credentials, issued here because this is the authority; kept until half of their life is over. */
export function credentialSource(
  authority: AuthorityIdentity,
  subject: CredentialSubject,
  nowMs: () => number,
): CredentialSource {
  let cached: { readonly token: string; readonly expiresAtMs: number } | undefined;
  const current = (now: number): string => {
    if (cached !== undefined && cached.expiresAtMs - now > RENEW_BEFORE_MS) return cached.token;
    const expiresAtMs = now + CREDENTIAL_MS;
    const token = issueSliceCredential(authority.key, {
      authority: authority.name,
      principal: subject.principal,
      holder: subject.key.publicKey.thumbprint,
      slice: subject.slice,
      rights: subject.rights,
      issuedAtMs: now - BACKDATE_MS,
      expiresAtMs,
    });
    cached = { token, expiresAtMs };
    return token;
  };
  return {
    headers({ method, path }) {
      const now = nowMs();
      const token = current(now);
      return { authorization: `DPoP ${token}`, dpop: createProof(subject.key, { method, path, token }, now) };
    },
  };
}

/** Largest reply taken from a node: a thousand leases are a few MiB. */
const REPLY_LIMIT_BYTES = 16 * 1024 * 1024;

export const nodeClient = ({ session, headers }: NodeLink, credential: CredentialSource): NodeClient =>
  createClient(
    nodeRoutes,
    withHeaders(http2Transport(session), (request) => ({ ...headers, ...credential.headers(request) })),
    { replyLimitBytes: REPLY_LIMIT_BYTES },
  );
