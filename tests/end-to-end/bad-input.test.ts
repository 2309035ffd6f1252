import { rmSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { join } from 'node:path';
import {
  type Client,
  createClient,
  joinRoutes,
  nodeRoutes,
  type plcRoutes,
  problemToError,
  type TransportRequest,
  withHeaders,
} from '@planetlab/contract';
import { http2Transport } from '@planetlab/contract/http2';
import {
  type AuthorityIdentity,
  createAuthorityIdentity,
  createProof,
  formatJoinToken,
  generateKeyPair,
  issueSliceCredential,
  parseJoinToken,
  RIGHTS,
} from '@planetlab/credentials';
import {
  AuthorityName,
  type ErrorCode,
  isPlanetLabError,
  MINUTE_MS,
  NodeName,
  Principal,
  SliceName,
  toInstant,
} from '@planetlab/model';
import { joinAuthority } from '@planetlab/node-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { carelessTransport, startImpostor } from './impostor.ts';
import { type PlcAndNode, startPlcAndNode } from './plc-and-node.ts';

const TOKYO = 'tokyo';
const GONE_ISO = toInstant(Date.now() - MINUTE_MS);
let programs: PlcAndNode;
let admin: Client<typeof plcRoutes>;
let stranger: Client<typeof plcRoutes>;
let session: ClientHttp2Session;

beforeAll(async () => {
  programs = await startPlcAndNode();
  admin = programs.client(programs.adminToken);
  for (const name of ['eth', 'other']) await admin.createSite({ body: { name, title: name } });
  for (const name of [TOKYO, 'zurich', 'paris']) await admin.createNode({ body: { name, site: 'eth' } });
  const person = 'eve@example.org';
  await admin.createPerson({ body: { email: person, name: 'Eve', roles: [{ role: 'user', site: 'other' }] } });
  stranger = programs.client((await admin.createToken({ body: { label: 'test', person } })).token);
  expect(await programs.join(TOKYO, await programs.invite(TOKYO))).toMatchObject({ code: 0 });
  const port = await programs.run(TOKYO);
  await admin.createSlice({ body: { name: 'eth_demo' } });
  session = connect(`https://127.0.0.1:${port}`, {
    ca: programs.authority.certificatePem,
    checkServerIdentity: () => undefined, // it is the node that this test started
  });
});
afterAll(async () => {
  session?.destroy();
  await programs?.[Symbol.asyncDispose]();
});

/** What every refusal has: a stable code, whose fault it is, and a sentence for a person. */
async function refused(attempt: Promise<unknown>, code: ErrorCode, sentence: RegExp): Promise<void> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isPlanetLabError(error)) throw new Error(`expected ${code}, got ${error}`);
  expect(`${error.code}: ${error.message}`).toMatch(sentence);
  expect(error.code).toBe(code);
  expect(error.message).toMatch(/^["A-Z{].*\w+ \w+/); // a sentence, not a code or a stack
}

type Row = readonly [what: string, attempt: () => Promise<unknown>, code: ErrorCode, sentence: RegExp];

const slice = (name: string) => admin.createSlice({ body: { name } });
const names: readonly Row[] = [
  ['a slice in capitals', () => slice('ETH_Demo'), 'malformed_name', /a slice name is its site, an underscore/],
  ['a slice without a site', () => slice('demo'), 'malformed_name', /such as "princeton_codeen"/],
  ['a slice of 33 characters', () => slice(`eth_${'x'.repeat(29)}`), 'malformed_request', /at most 32 characters/],
  ['a slice that is a path', () => slice('eth_../../etc'), 'malformed_name', /lower case/],
  [
    'a site with a space',
    () => admin.createSite({ body: { name: 'my site', title: 'x' } }),
    'malformed_name',
    /2 to 20 lower-case letters/,
  ],
  [
    'a node with an underscore',
    () => admin.createNode({ body: { name: 'no_de', site: 'eth' } }),
    'malformed_name',
    /like a host name/,
  ],
  [
    'a person without a domain',
    () => admin.createPerson({ body: { email: 'ada', name: 'Ada' } }),
    'malformed_name',
    /mail address/,
  ],
  [
    'an image with a slash',
    () => admin.createSlice({ body: { name: 'eth_image', image: '../debian' } }),
    'malformed_name',
    /such as "debian-12"/,
  ],
  [
    'a text that no database takes',
    () => admin.createSlice({ body: { name: 'eth_nul', description: 'a\0b' } }),
    'malformed_request',
    /NUL/,
  ],
  [
    'half of a character',
    () => admin.createSlice({ body: { name: 'eth_half', description: '\ud800' } }),
    'malformed_request',
    /valid Unicode/,
  ],
];

const unknown: readonly Row[] = [
  ['a site', () => admin.getSite({ params: { site: 'nowhere' } }), 'unknown_site', /"nowhere"/],
  ['a slice’s site', () => slice('nowhere_demo'), 'unknown_site', /An admin can register it/],
  ['a node', () => admin.getNode({ params: { node: 'nowhere' } }), 'unknown_node', /pl node list/],
  [
    'some of the nodes to add',
    () => admin.addSlivers({ params: { slice: 'eth_demo' }, body: { nodes: [TOKYO, 'mars', 'venus'] } }),
    'unknown_node',
    /"mars", "venus"/,
  ],
  ['a slice', () => admin.getSlice({ params: { slice: 'eth_none' } }), 'unknown_slice', /pl slice list/],
  [
    'a sliver',
    () => admin.removeSliver({ params: { slice: 'eth_demo', node: 'zurich' } }),
    'unknown_sliver',
    /pl slice add-node eth_demo zurich/,
  ],
  ['an image, asked of the node', () => lease({ image: 'plan9' }), 'unknown_image', /plan9/],
];

describe('names', () => {
  it.each(names)('%s', async (_what, attempt, code, sentence) => refused(attempt(), code, sentence));
});
describe('what is not there:', () => {
  it.each(unknown)('%s', async (_what, attempt, code, sentence) => refused(attempt(), code, sentence));

  it('an image, as the people of the slice see it', async () => {
    await admin.createSlice({ body: { name: 'eth_plan', image: 'plan9' } });
    expect(await outcome('eth_plan')).toMatchObject({
      code: 'unknown_image',
      message: expect.stringContaining('plan9'),
    });
  });
});

describe('a machine that joins', () => {
  const joined = (stateDir: string, token: string, aheadMs = 0) =>
    joinAuthority({ token, stateDir: join(programs.folder, stateDir), now: () => Date.now() + aheadMs });

  it('with a token that was used, by another machine', async () => {
    const token = await programs.invite('zurich');
    expect(await programs.join('zurich', token)).toMatchObject({ code: 0 });
    const { code, said } = await programs.join('zurich-again', token);
    expect(code).not.toBe(0);
    expect(said).toMatch(/This join token was used already, by another machine\. .*pl node invite zurich/);
    await refused(joined('zurich-third', token), 'join_token_used', /used already/);
  });

  it('with a token that has expired', async () => {
    const expiresAt = toInstant(Date.now() + 1000);
    const { token } = await admin.inviteNode({ params: { node: 'paris' }, body: { expiresAt } });
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await refused(joined('late', token), 'join_token_expired', /expired at .*pl node invite paris/);
  });

  it('with a token that a newer one has replaced, and with none at all', async () => {
    const token = await programs.invite('paris');
    await programs.invite('paris');
    await refused(joined('replaced', token), 'join_token_invalid', /newer join token/);
    await refused(joined('none', 'pljoin_abc'), 'join_token_invalid', /Copy the whole of it/);
  });

  it('with the fingerprint of another authority', async () => {
    const token = parseJoinToken(await programs.invite('paris'));
    const wrong = formatJoinToken({ ...token, fingerprint: 'ab'.repeat(32) });
    await refused(joined('wrong', wrong), 'authority_fingerprint_mismatch', /Nothing was sent to it/);
    await joined('wrong', formatJoinToken(token)); // the token is still good, and so is the folder
  });

  it('under the name of another machine', async () => {
    await admin.createNode({ body: { name: 'lima', site: 'eth' } });
    const token = formatJoinToken({ ...parseJoinToken(await programs.invite('lima')), node: NodeName.parse(TOKYO) });
    await refused(joined('claims', token), 'node_name_taken', /Another machine is the node "tokyo"/);
  });

  it.each([10 * MINUTE_MS, -10 * MINUTE_MS])('with a clock that is off by %d ms', async (aheadMs) => {
    const way = aheadMs > 0 ? /ahead of the authority/ : /behind the authority/;
    const token = await programs.invite('lima');
    await refused(joined(`clock${aheadMs}`, token, aheadMs), 'clock_skew', way);
    // and the PLC looks for itself, should a machine not
    const { secret, node } = parseJoinToken(token);
    const body = { secret, node, certificateRequest: 'none', clock: toInstant(Date.now() + aheadMs) };
    const careless = createClient(joinRoutes, carelessTransport(parseJoinToken(token).address));
    await refused(careless.join({ body }), 'clock_skew', way);
  });

  it('through somebody in between, who has added a root of his own to the true one', async () => {
    const token = parseJoinToken(await programs.invite('lima'));
    await using evil = await startImpostor(programs.authority.certificatePem);
    const attempt = joined('between', formatJoinToken({ ...token, address: evil.address }));
    await refused(attempt, 'authority_unreachable', /could not be reached/);
    expect(evil.heard()).toEqual(['GET /v1/authority']);
    rmSync(join(programs.folder, 'between'), { recursive: true });
  });
});

describe('who asks', () => {
  const someone = (token?: string) => programs.client(token).listSites({ query: {} });
  const plc: readonly Row[] = [
    ['without a credential', () => someone(), 'not_signed_in', /pl login/],
    ['with one of no kind', () => someone('pl_nonsense'), 'not_signed_in', /not valid/],
    ['with one that has expired', async () => someone(await expiredToken()), 'not_signed_in', /expired/],
    [
      'with one of somebody else',
      () => stranger.deleteSlice({ params: { slice: 'eth_demo' } }),
      'forbidden',
      /Only its own people/,
    ],
  ];
  it.each(plc)('the PLC, %s', async (_what, attempt, code, sentence) => refused(attempt(), code, sentence));

  const node: readonly Row[] = [
    ['without a credential', () => ask().listLeases({}), 'credential_missing', /slice credential/],
    ['with one of another authority', foreign, 'credential_foreign', /authority/],
    ['with one that somebody else has signed', forged, 'credential_invalid', /./],
    ['with one that has expired', () => asBroker({ expiresAtMs: Date.now() - 1 }), 'credential_expired', /expired/],
    ['with the credential of somebody else', stolen, 'proof_invalid', /./],
    ['with a proof of ten minutes ago', () => asBroker({ clockMs: -10 * MINUTE_MS }), 'clock_skew', /clock/i],
    ['with a proof ten minutes ahead', () => asBroker({ clockMs: 10 * MINUTE_MS }), 'clock_skew', /clock/i],
    ['with rights for another slice', () => lease({ credentialFor: 'eth_other' }), 'credential_insufficient', /eth_/],
  ];
  it.each(node)('a node, %s', async (_what, attempt, code, sentence) => refused(attempt(), code, sentence));
});

describe('how much', () => {
  it('a body of 10 MB, to the PLC and to a node', async () => {
    const body = JSON.stringify({ name: 'big', title: 'x'.repeat(10_000_000) });
    const headers = { authorization: `Bearer ${programs.adminToken}`, 'content-type': 'application/json' };
    const reply = await fetch(`${programs.plcUrl}/v1/sites`, { method: 'POST', headers, body });
    const problem = problemToError(reply.status, await reply.text());
    await refused(Promise.reject(problem), 'body_too_large', /the limit is 1 MiB/);
    await refused(lease({ image: 'x'.repeat(10_000_000) }), 'body_too_large', /the limit is 1 MiB/);
    expect(await admin.health({})).toEqual({ status: 'ok' });
    expect(await ask().health({})).toEqual({ status: 'ok' });
  });

  it('a lease for more than the node has', async () => {
    const attempt = lease({ resources: { memoryMiB: 1_000_000 } });
    await refused(attempt, 'insufficient_resources', /memory/i);
    await admin.createSlice({ body: { name: 'eth_huge', resources: { memoryMiB: 1_000_000 } } });
    expect(await outcome('eth_huge')).toMatchObject({ code: 'insufficient_resources' });
  });

  it('a lease that has ended before it began, and one for ever', async () => {
    await refused(lease({ expiresAt: GONE_ISO }), 'malformed_request', /./);
    await refused(lease({ expiresAt: '2100-01-01T00:00:00.000Z' }), 'lease_too_long', /./);
  });
});

/** Puts a slice on the node; what came of it. */
async function outcome(name: string) {
  await admin.addSlivers({ params: { slice: name }, body: { nodes: [TOKYO] } });
  for (;;) {
    const [sliver] = (await admin.listSlivers({ query: { slice: name } })).items;
    if (sliver?.state === 'refused') return sliver.reason;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function expiredToken(): Promise<string> {
  const expiresAt = toInstant(Date.now() + 500);
  const { token } = await admin.createToken({ body: { label: 'short', expiresAt } });
  await new Promise((resolve) => setTimeout(resolve, 600));
  return token;
}

interface Asker {
  readonly authority?: AuthorityIdentity;
  readonly slice?: string;
  readonly expiresAtMs?: number;
  /** How far the caller's clock is off. */
  readonly clockMs?: number;
  /** Proves another key than the credential's. */
  readonly stolen?: boolean;
}

/** The node's API, asked directly over its own TLS listener. */
const ask = (headers: (request: TransportRequest) => Record<string, string> = () => ({})) =>
  createClient(nodeRoutes, withHeaders(http2Transport(session), headers));

function signedAs(asker: Asker) {
  const authority = asker.authority ?? programs.authority;
  const key = generateKeyPair();
  const token = issueSliceCredential(authority.key, {
    authority: authority.name,
    principal: Principal.parse('broker:test'),
    holder: key.publicKey.thumbprint,
    slice: asker.slice === undefined ? '*' : SliceName.parse(asker.slice),
    rights: [...RIGHTS],
    issuedAtMs: Date.now() - 2 * MINUTE_MS,
    expiresAtMs: asker.expiresAtMs ?? Date.now() + MINUTE_MS,
  });
  const prover = asker.stolen === true ? generateKeyPair() : key;
  return ask(({ method, path }) => ({
    authorization: `DPoP ${token}`,
    dpop: createProof(prover, { method, path, token }, Date.now() + (asker.clockMs ?? 0)),
  }));
}
const asBroker = (asker: Asker) => signedAs(asker).listLeases({});
const foreign = async () => asBroker({ authority: await anotherAuthority('elsewhere.example') });
const forged = async () => asBroker({ authority: await anotherAuthority(programs.authority.name) });
const stolen = () => asBroker({ stolen: true });
const anotherAuthority = (name: string) => createAuthorityIdentity(AuthorityName.parse(name), Date.now());

const lease = (change: { credentialFor?: string; image?: string; resources?: object; expiresAt?: string }) => {
  const { credentialFor, ...rest } = change;
  const common = { slice: 'eth_demo', image: 'debian-12', resources: {}, expiresAt: toInstant(Date.now() + MINUTE_MS) };
  return signedAs(credentialFor === undefined ? {} : { slice: credentialFor }).requestLease({
    body: { ...common, ...rest },
  });
};
