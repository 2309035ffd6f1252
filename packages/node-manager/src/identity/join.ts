import { mkdirSync } from 'node:fs';
import { createClient, type JoinReply, joinRoutes } from '@planetlab/contract';
import {
  type AuthorityCertificate,
  createNodeRequest,
  generateKeyPair,
  importKeyPair,
  type JoinToken,
  type KeyPair,
  parseJoinToken,
  readAuthorityCertificate,
} from '@planetlab/credentials';
import {
  formatDuration,
  fromInstant,
  type Instant,
  isPlanetLabError,
  MINUTE_MS,
  type NodeId,
  type NodeName,
  PlanetLabError,
  toInstant,
} from '@planetlab/model';
import { readConfig } from '../config.ts';
import { readOptional, writeFileAtomic } from '../files.ts';
import { type NodePaths, nodePaths } from '../paths.ts';
import { tagOf } from './identity.ts';
import { tlsTransport } from './tls-transport.ts';

/** How far the clocks of node and authority may be apart: certificates and proofs depend on them. */
const CLOCK_SKEW_MS = 5 * MINUTE_MS;

export interface JoinOptions {
  /** The join token as its authority printed it. */
  readonly token: string;
  readonly stateDir: string;
  readonly now: () => number;
  /** The address of this machine to speak from; by default what its routes say. */
  readonly localAddress?: string;
}

/**
 * Joins the authority that a token names. Nothing secret is sent before the authority's certificate has been compared
 * with the fingerprint in the token. May be repeated with the same state folder after a failure: the key stays.
 * Throws `join_token_*`, `authority_fingerprint_mismatch`, `authority_unreachable`, `clock_skew`, `node_name_taken`,
 * `already_exists`.
 */
export async function joinAuthority({
  token,
  stateDir,
  now,
  localAddress,
}: JoinOptions): Promise<{ nodeId: NodeId; name: NodeName }> {
  const invitation = parseJoinToken(token);
  const paths = nodePaths(stateDir);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  if (readOptional(paths.node) !== undefined) {
    throw new PlanetLabError(
      'already_exists',
      `${stateDir} belongs to a node that has joined already. Use another folder, or purge this one first.`,
    );
  }
  const config = readConfig(paths.config); // malformed, it fails before the token is used up
  const { authority, address } = await findAuthority(invitation, now, localAddress);
  const key = nodeKey(paths);
  const own = { ipv4: config.ipv4, nowMs: now(), localAddress };
  const reply = await requestCertificate({ ...invitation, address }, authority, key, own);
  writeFileAtomic(paths.nodeCertificate, reply.certificate);
  writeFileAtomic(paths.caCertificate, authority.certificatePem);
  writeFileAtomic(paths.tag, config.nodeTag ?? tagOf(reply.nodeId));
  // last: a state folder with this file is one that has joined
  const node = { nodeId: reply.nodeId, name: invitation.node, plcAddress: invitation.address };
  writeFileAtomic(paths.node, JSON.stringify(node, null, 2));
  return { nodeId: reply.nodeId, name: invitation.node };
}

/** The first of the token's addresses that answers. Throws what the last one said when none does. */
async function findAuthority(
  invitation: JoinToken,
  now: () => number,
  localAddress: string | undefined,
): Promise<{ readonly authority: AuthorityCertificate; readonly address: string }> {
  const [address = '', ...others] = invitation.address.split(',');
  try {
    return { authority: await fetchAuthority({ ...invitation, address }, now, localAddress), address };
  } catch (error) {
    if (others.length === 0 || !isPlanetLabError(error) || error.code !== 'authority_unreachable') throw error;
    return findAuthority({ ...invitation, address: others.join(',') }, now, localAddress);
  }
}

/**
 * First contact: nothing is trusted yet, so nothing is said but the question, and of the answer nothing is used but the
 * certificate that the token names, and the clock, which can only make us stop.
 */
async function fetchAuthority(
  invitation: JoinToken,
  now: () => number,
  localAddress: string | undefined,
): Promise<AuthorityCertificate> {
  const client = createClient(joinRoutes, tlsTransport(invitation.address, { trust: 'nobody-yet', localAddress }));
  const { caPem, clock } = await client.getAuthority({});
  const authority = readCertificate(caPem);
  if (authority?.fingerprint === invitation.fingerprint) {
    checkClock(clock, now());
    return authority;
  }
  const found = authority?.fingerprint ?? 'none';
  throw new PlanetLabError(
    'authority_fingerprint_mismatch',
    `The authority at ${invitation.address} has the fingerprint ${found}, but the join token says ${invitation.fingerprint}. ` +
      'This is another authority, or somebody is in between. Nothing was sent to it. Ask for a new token over a channel that you trust.',
    { details: { expected: invitation.fingerprint, found } },
  );
}

function readCertificate(pem: string): AuthorityCertificate | undefined {
  try {
    return readAuthorityCertificate(pem);
  } catch {
    return undefined; // what it sent is no root certificate: not the authority either
  }
}

function checkClock(authorityClock: Instant, nowMs: number): void {
  const aheadMs = nowMs - fromInstant(authorityClock);
  if (Math.abs(aheadMs) <= CLOCK_SKEW_MS) return;
  throw new PlanetLabError(
    'clock_skew',
    `The clock of this machine is ${formatDuration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the authority's ` +
      `(${toInstant(nowMs)} here, ${authorityClock} there); ${formatDuration(CLOCK_SKEW_MS)} is the most. Set the clock (timedatectl set-ntp true) and join again.`,
    { details: { aheadMs } },
  );
}

function nodeKey(paths: NodePaths): KeyPair {
  const stored = readOptional(paths.nodeKey);
  if (stored !== undefined) return importKeyPair(stored);
  const key = generateKeyPair();
  writeFileAtomic(paths.nodeKey, key.exportPem());
  return key;
}

async function requestCertificate(
  invitation: JoinToken,
  authority: AuthorityCertificate,
  key: KeyPair,
  own: { readonly ipv4: string | null; readonly nowMs: number; readonly localAddress: string | undefined },
): Promise<JoinReply> {
  const { ipv4, nowMs, localAddress } = own;
  const client = createClient(
    joinRoutes,
    tlsTransport(invitation.address, { trust: authority.certificatePem, localAddress }),
  );
  return client.join({
    body: {
      secret: invitation.secret,
      node: invitation.node,
      certificateRequest: await createNodeRequest(key, invitation.node),
      clock: toInstant(nowMs),
      addresses: ipv4 === null ? [] : [ipv4],
    },
  });
}
