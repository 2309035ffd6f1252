import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, nodeRoutes } from '@planetlab/contract';
import { http2Transport } from '@planetlab/contract/http2';
import { formatJoinToken, newSecret, parseJoinToken, readNodeCertificate } from '@planetlab/credentials';
import { isPlanetLabError, MINUTE_MS, NodeName, Resources, SliceName, toInstant } from '@planetlab/model';
import { joinAuthority, type NodeManager, purgeNode, startNodeManager } from '@planetlab/node-manager';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, leaseFor, nodeClient, startAuthority, type TestAuthority, untilState } from './node-fixture.ts';

// Needs no root: slivers are simulated; TLS, HTTP/2, joining and the uplink are real.

const logger = pino({ level: 'silent' });
const NAME = NodeName.parse('node-api');
const codeOf = (act: Promise<unknown>) =>
  act.then(
    () => 'none',
    (error: unknown) => (isPlanetLabError(error) ? error.code : String(error)),
  );

function stateFolder(config: object = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-test-'));
  const stateDir = join(folder, 'state');
  mkdirSync(stateDir);
  writeFileSync(join(stateDir, 'config.json'), JSON.stringify({ vmm: 'simulated', ...config }));
  return { stateDir, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

describe('joining', () => {
  const stack = new AsyncDisposableStack();
  let authority: TestAuthority;
  beforeAll(async () => {
    authority = stack.use(await startAuthority('127.0.0.1'));
  });
  afterAll(() => stack.disposeAsync());

  it('gets the node a certificate for its own key, and keeps secrets to root', async () => {
    using folder = stateFolder();
    const { stateDir } = folder;
    const joined = await joinAuthority({ token: authority.invitation(NAME), stateDir, now: Date.now });
    expect(joined.name).toBe(NAME);
    expect(readNodeCertificate(readFileSync(join(stateDir, 'node.crt')))).toMatchObject({ nodeId: joined.nodeId });
    expect(statSync(join(stateDir, 'node.key')).mode & 0o777).toBe(0o600);
    expect(readFileSync(join(stateDir, 'ca.crt'), 'utf8')).toBe(authority.identity.certificatePem);
    const again = joinAuthority({ token: authority.invitation(NAME), stateDir, now: Date.now });
    expect(await codeOf(again)).toBe('already_exists');
  });

  it('sends nothing to an authority whose fingerprint is not the one in the token', async () => {
    using folder = stateFolder();
    await using other = await startAuthority('127.0.0.1');
    const token = formatJoinToken({ ...parseJoinToken(authority.invitation(NAME)), address: other.address });
    const joining = joinAuthority({ token, stateDir: folder.stateDir, now: Date.now });
    await expect(joining).rejects.toThrow('Nothing was sent to it');
    expect(await codeOf(joining)).toBe('authority_fingerprint_mismatch');
    expect(other.requests()).toEqual(['GET /v1/authority']);
  });

  it.each([
    [10 * MINUTE_MS, 'ahead of'],
    [-10 * MINUTE_MS, 'behind'],
  ])('refuses with a clock that is %d ms off, and says which way', async (offMs, words) => {
    using folder = stateFolder();
    const now = () => Date.now() + offMs;
    const joining = joinAuthority({ token: authority.invitation(NAME), stateDir: folder.stateDir, now });
    await expect(joining).rejects.toThrow(new RegExp(`(10 min|9 min 5\\d s) ${words} the authority's`));
    expect(await codeOf(joining)).toBe('clock_skew');
  });

  it('says what is wrong with a token, and when nobody answers', async () => {
    using folder = stateFolder();
    const { stateDir } = folder;
    expect(await codeOf(joinAuthority({ token: 'pljoin_abc', stateDir, now: Date.now }))).toBe('join_token_invalid');
    const unknown = formatJoinToken({ ...parseJoinToken(authority.invitation(NAME)), secret: newSecret() });
    expect(await codeOf(joinAuthority({ token: unknown, stateDir, now: Date.now }))).not.toBe('none');
    const nowhere = formatJoinToken({ ...parseJoinToken(authority.invitation(NAME)), address: '127.0.0.1:1' });
    expect(await codeOf(joinAuthority({ token: nowhere, stateDir, now: Date.now }))).toBe('authority_unreachable');
  });
});

describe('purging', () => {
  it('removes a node’s state folder, and no other folder', async () => {
    using folder = stateFolder();
    await purgeNode(folder.stateDir);
    expect(existsSync(folder.stateDir)).toBe(false);
    await purgeNode(folder.stateDir); // again
    mkdirSync(folder.stateDir);
    writeFileSync(join(folder.stateDir, 'thesis.tex'), 'x');
    expect(await codeOf(purgeNode(folder.stateDir))).toBe('malformed_request');
    expect(existsSync(join(folder.stateDir, 'thesis.tex'))).toBe(true);
  });
});

describe('a node’s API', () => {
  const stack = new AsyncDisposableStack();
  let authority: TestAuthority;
  let manager: NodeManager;
  let session: ClientHttp2Session;
  let stateDir: string;
  let caller: ReturnType<typeof nodeClient>;

  let reboots = 0;
  const machine = {
    bootId: () => 'first',
    reboot: async () => {
      reboots++;
    },
  };
  const start = () => startNodeManager({ stateDir, logger, machine });

  beforeAll(async () => {
    authority = stack.use(await startAuthority('127.0.0.1'));
    const folder = stack.use(stateFolder({ apiListen: '127.0.0.1:0', rebootOnRequest: true }));
    stateDir = folder.stateDir;
    await joinAuthority({ token: authority.invitation(NAME), stateDir, now: Date.now });
    manager = await start();
    stack.defer(() => manager[Symbol.asyncDispose]());
    session = await authority.uplinked();
    caller = nodeClient(authority.identity, session);
  });
  afterAll(() => stack.disposeAsync());

  /** The same API, over TLS that the caller dials. */
  const direct = () =>
    connect(`https://127.0.0.1:${manager.apiPort}`, { ca: [authority.identity.certificatePem], ALPNProtocols: ['h2'] });

  it('says what the node is, over the uplink and directly', async () => {
    const facts = await caller.client.getNode({});
    expect(facts).toMatchObject({ name: NAME, vmm: { simulated: true }, images: ['debian-12'], slivers: 0 });
    const dialled = direct();
    const same = await nodeClient(authority.identity, dialled).client.getNode({});
    expect(same.id).toBe(facts.id);
    dialled.close();
  });

  it('carries a sliver from lease to end, and watchers see it', async () => {
    const { client, exec } = caller;
    const asked = leaseFor('demo_hello');
    const lease = await client.requestLease({ body: asked });
    expect(lease).toMatchObject({ slice: 'demo_hello', resources: asked.resources, expiresAt: asked.expiresAt });
    expect((await untilState(client, 'demo_hello', 'running')).leaseId).toBe(lease.id);
    expect(await client.requestLease({ body: leaseFor('demo_hello') }), 'asked again').toEqual(lease);
    expect((await exec('demo_hello', ['echo', 'hello'])).stdout).toBe('hello\n');
    const expiresAt = toInstant(Date.now() + 60 * MINUTE_MS);
    const renewed = await client.renewLease({ params: { lease: lease.id }, body: { expiresAt } });
    expect(renewed.expiresAt).toBe(expiresAt);
    const gone = untilState(client, 'demo_hello', 'gone');
    await new Promise((resolve) => setTimeout(resolve, 20));
    await client.endLease({ params: { lease: lease.id } });
    expect((await gone).state).toBe('gone');
    expect((await client.listSlivers({})).items).toEqual([]);
    expect((await client.listSteps({ query: {} })).items[0]?.step).toBe('RemoveVolume');
  });

  it('answers many requests for leases at once, each by itself', async () => {
    const { client } = caller;
    const names = ['demo_many1', 'demo_many2'] as const;
    const big = { ...leaseFor('demo_toobig'), resources: Resources.parse({ memoryMiB: 1_048_576 }) };
    const body = { items: [leaseFor(names[0]), big, leaseFor(names[1])] };
    const { items } = await client.requestLeases({ body });
    expect(items).toMatchObject([
      { lease: { slice: names[0] } },
      { problem: { code: 'insufficient_resources', fault: 'node' } },
      { lease: { slice: names[1] } },
    ]);
    const ids = items.flatMap((item) => ('lease' in item ? item.lease.id : []));
    for (const slice of names) await untilState(client, slice, 'running');
    const again = await client.requestLeases({ body: { items: names.map((slice) => leaseFor(slice)) } });
    expect(again.items.flatMap((item) => ('lease' in item ? item.lease.id : []))).toEqual(ids);
    const twice = { items: [leaseFor('demo_twice'), leaseFor('demo_twice')] };
    expect(await codeOf(client.requestLeases({ body: twice }))).toBe('malformed_request');
    for (const lease of ids) await client.endLease({ params: { lease } });
    await expect.poll(async () => (await client.listSlivers({})).items, { timeout: 30_000 }).toEqual([]);
  });

  it('tells a sliver its tags while it runs, under its own lease only', async () => {
    const { client, exec } = caller;
    const slice = SliceName.parse('demo_tags');
    const read = async () => JSON.parse((await exec(slice, ['cat', '/run/planetlab/sliver.json'])).stdout);
    const { id } = await client.requestLease({ body: leaseFor(slice) });
    await untilState(client, slice, 'running');
    const about = { authority: authority.identity.name, slice, node: NAME, place: null, site: null, tags: {} };
    expect(await read()).toEqual(about);
    await client.setTags({ params: { slice }, body: { tags: { role: 'seed', constructor: '1' } } });
    await expect.poll(async () => (await read()).tags, { timeout: 30_000 }).toEqual({ role: 'seed', constructor: '1' });
    const narrow = nodeClient(authority.identity, session, { slice: SliceName.parse('demo_own') }).client;
    expect(await codeOf(narrow.setTags({ params: { slice }, body: { tags: {} } }))).toBe('credential_insufficient');
    const none = client.setTags({ params: { slice: SliceName.parse('demo_none') }, body: { tags: {} } });
    expect(await codeOf(none)).toBe('unknown_sliver');
    await client.endLease({ params: { lease: id } });
    const again = await client.requestLease({ body: leaseFor(slice) });
    const later = (state: string, lease: string) => state === 'running' && lease === again.id;
    await expect
      .poll(() => client.getSliver({ params: { slice } }).then((it) => later(it.state, it.leaseId)), {
        timeout: 30_000,
      })
      .toBe(true);
    expect((await read()).tags).toEqual({});
    await client.endLease({ params: { lease: again.id } });
    await expect.poll(async () => (await client.listSlivers({})).items, { timeout: 30_000 }).toEqual([]);
  });

  it('gives a stable code for each bad request', async () => {
    const { client } = caller;
    const body = leaseFor('demo_bad');
    const big = { ...body, resources: Resources.parse({ memoryMiB: 1_048_576 }) };
    expect(await codeOf(client.requestLease({ body: big }))).toBe('insufficient_resources');
    expect(await codeOf(client.requestLease({ body: { ...body, image: 'windows-95' } }))).toBe('unknown_image');
    expect(await codeOf(client.requestLease({ body: { ...body, slice: 'Not A Slice' } }))).toBe('malformed_name');
    const late = toInstant(Date.now() + 100 * 24 * 60 * MINUTE_MS);
    expect(await codeOf(client.requestLease({ body: { ...body, expiresAt: late } }))).toBe('lease_too_long');
    expect(await codeOf(client.getSliver({ params: { slice: 'demo_none' } }))).toBe('unknown_sliver');
    const keys = [{ person: 'ada@example.org', key: 'x'.repeat(16_000) }];
    expect(await codeOf(client.setAccess({ params: { slice: 'demo_none' }, body: { keys } }))).toBe(
      'malformed_request',
    );
    const lease = crypto.randomUUID();
    expect(await codeOf(client.endLease({ params: { lease } }))).toBe('unknown_lease');
  });

  it('refuses a body of 10 MB', async () => {
    const huge = { ...leaseFor('demo_big'), keys: [{ person: 'a@example.org', key: 'y'.repeat(10_000_000) }] };
    expect(await codeOf(caller.client.requestLease({ body: huge }))).toBe('body_too_large');
    expect((await caller.client.getNode({})).name, 'and goes on').toBe(NAME);
  });

  it('refuses requests without, with a foreign, and with a too narrow credential', async () => {
    const bare = createClient(nodeRoutes, http2Transport(session));
    expect(await codeOf(bare.getNode({}))).toBe('credential_missing');
    expect((await bare.health({})).status).toBe('ok');
    await using other = await startAuthority('127.0.0.1');
    const foreign = nodeClient(other.identity, session).client;
    expect(await codeOf(foreign.getNode({}))).toBe('credential_invalid'); // it bears the same name: the key decides
    const narrow = nodeClient(authority.identity, session, { slice: SliceName.parse('demo_own') }).client;
    expect(await codeOf(narrow.requestLease({ body: leaseFor('demo_other') }))).toBe('credential_insufficient');
    const late = nodeClient(authority.identity, session, { clockMs: -10 * MINUTE_MS }).client;
    expect(await codeOf(late.getNode({}))).toBe('clock_skew');
  });

  it('keeps a lease to its holder', async () => {
    const slice = SliceName.parse('demo_held');
    const first = nodeClient(authority.identity, session, { slice });
    const second = nodeClient(authority.identity, session, { slice });
    const lease = await first.client.requestLease({ body: leaseFor(slice) });
    expect(await codeOf(second.client.requestLease({ body: leaseFor(slice) }))).toBe('conflict');
    expect(await codeOf(second.client.endLease({ params: { lease: lease.id } }))).toBe('unknown_lease');
    await caller.client.endLease({ params: { lease: lease.id } }); // the authority's broker may
  });

  it('reboots the machine for the authority, whose credential is for no single slice, and nobody else', async () => {
    const request = { id: crypto.randomUUID(), reason: 'A new kernel' };
    const narrow = nodeClient(authority.identity, session, { slice: SliceName.parse('demo_own') }).client;
    expect(await codeOf(narrow.reboot({ body: request }))).toBe('credential_insufficient');
    expect(await caller.client.reboot({ body: request })).toEqual({ bootId: 'first' });
    expect((await caller.client.getNode({})).bootId).toBe('first');
    await expect.poll(() => reboots, { timeout: 30_000 }).toBe(1);
    const { items } = await caller.client.listSteps({ query: {} });
    expect(items[0]).toMatchObject({ step: 'Reboot', outcome: 'done' });
  });

  it('serves its own description', async () => {
    const reply = await http2Transport(session)({ method: 'GET', path: '/v1/openapi.json', headers: {} });
    let text = '';
    for await (const chunk of reply.body) text += String(Buffer.from(chunk));
    expect(JSON.parse(text)).toMatchObject({ openapi: '3.1.0', info: { title: 'PlanetLab node' } });
  });

  it('opens its uplink again when it was closed', async () => {
    expect(manager.uplinkState()).toEqual({ state: 'connected' });
    session.destroy();
    session = await authority.uplinked();
    caller = nodeClient(authority.identity, session);
    expect((await caller.client.getNode({})).name).toBe(NAME);
  });

  it('does not share its state folder', async () => {
    await expect(start()).rejects.toThrow('has this state folder');
  });

  it('remembers its leases over a restart', async () => {
    const lease = await caller.client.requestLease({ body: leaseFor('demo_kept') });
    await manager[Symbol.asyncDispose]();
    manager = await start();
    session = await authority.uplinked();
    caller = nodeClient(authority.identity, session);
    expect((await caller.client.listLeases({})).items).toEqual([lease]);
    await untilState(caller.client, 'demo_kept', 'running');
  });

  it('says in words why the uplink does not open', async () => {
    using folder = stateFolder();
    await using other = await startAuthority('127.0.0.1');
    await joinAuthority({ token: other.invitation(NAME), stateDir: folder.stateDir, now: Date.now });
    const file = join(folder.stateDir, 'node.json');
    const node = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...node, plcAddress: authority.address }));
    await using lost = await startNodeManager({ stateDir: folder.stateDir, logger });
    expect(await eventually(() => lost.uplinkState().state === 'waiting')).toBe(true);
    expect(lost.uplinkState()).toMatchObject({
      reason: expect.stringContaining('is not from the authority that this node joined'),
    });
  });
});
