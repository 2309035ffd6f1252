import { isDeepStrictEqual } from 'node:util';
import { generateKeyPair, readNodeCertificate } from '@planetlab/credentials';
import { DAY_MS, type ErrorCode, isPlanetLabError, MINUTE_MS } from '@planetlab/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FakeNode } from '../testing/fake-node.ts';
import { certificateOf, join } from '../testing/join.ts';
import { eventually, startTestPlc, type TestPlc } from '../testing/test-plc.ts';

let test: TestPlc;

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
});
afterAll(() => test[Symbol.asyncDispose]());

async function refusal(attempt: Promise<unknown>): Promise<{ code: ErrorCode; message: string }> {
  const error = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!isPlanetLabError(error)) throw new Error(`expected a refusal, got ${error}`);
  return { code: error.code, message: error.message };
}

describe('joining', () => {
  it('certifies a machine’s own key under the id of the registered node', async () => {
    const joined = await join(await test.invite('good'));
    const node = await test.admin.getNode({ params: { node: 'good' } });
    const identity = readNodeCertificate(certificateOf(joined).raw);
    expect(identity).toMatchObject({ nodeId: node.id, nodeName: 'good' });
    expect(identity.key.thumbprint).toBe(joined.key.publicKey.thumbprint);
    expect(node.state).toBe('disconnected');
    const events = await test.admin.listEvents({ query: { subject: 'good' } });
    expect(events.items.map(({ kind }) => kind)).toEqual(['node.joined', 'node.invited', 'node.registered']);
    expect(events.items[0]?.actor).toBe('node:good');
  });

  it('puts only the address it was seen under into the certificate', async () => {
    const joined = await join(await test.invite('addresses'), { addresses: ['192.0.2.1', '127.0.0.1'] });
    expect(certificateOf(joined).checkIP('127.0.0.1')).toBe('127.0.0.1');
    expect(certificateOf(joined).checkIP('192.0.2.1')).toBeUndefined();
  });

  it('refuses a token that another machine has used', async () => {
    const token = await test.invite('used');
    await join(token);
    const { code, message } = await refusal(join(token));
    expect(code).toBe('join_token_used');
    expect(message).toContain('pl node invite used');
  });

  it('answers the same machine again when its first answer was lost', async () => {
    const token = await test.invite('again');
    const key = generateKeyPair();
    const first = await join(token, { key });
    const second = await join(token, { key });
    expect(second.reply.nodeId).toBe(first.reply.nodeId);
  });

  it('refuses an expired token', async () => {
    const token = await test.invite('expired');
    test.advance(DAY_MS + MINUTE_MS);
    const late = await refusal(join(token, { clockMs: Date.now() + DAY_MS + MINUTE_MS }));
    test.advance(-DAY_MS - MINUTE_MS);
    expect(late.code).toBe('join_token_expired');
  });

  it('refuses a secret that it does not know, and a token that a newer one has replaced', async () => {
    const token = await test.invite('replaced');
    expect((await refusal(join(token, { secret: 'x'.repeat(43) }))).code).toBe('join_token_invalid');
    await test.invite('replaced');
    const { code, message } = await refusal(join(token));
    expect(code).toBe('join_token_invalid');
    expect(message).toContain('newer join token');
  });

  it('refuses a second machine that claims the name of a node', async () => {
    await join(await test.invite('first'));
    const other = await test.invite('other');
    expect((await refusal(join(other, { node: 'first' }))).code).toBe('node_name_taken');
    expect((await refusal(join(other, { node: 'nobody' }))).code).toBe('join_token_invalid');
    await join(other);
  });

  it('lets a new invitation replace a node’s machine', async () => {
    const before = await join(await test.invite('moved'));
    const after = await join(await test.invite('moved'));
    expect(after.reply.nodeId).toBe(before.reply.nodeId);
  });

  it('refuses a clock that is ten minutes off, and keeps the token good', async () => {
    const token = await test.invite('clock');
    const { code, message } = await refusal(join(token, { clockMs: Date.now() - 10 * MINUTE_MS }));
    expect(code).toBe('clock_skew');
    expect(message).toContain('10 min behind');
    await join(token);
  });

  it('refuses what is not a certificate request', async () => {
    const token = await test.invite('malformed');
    expect((await refusal(join(token, { certificateRequest: 'no' }))).code).toBe('malformed_request');
    await join(token);
  });

  it('forgets the tokens of a deleted node', async () => {
    const token = await test.invite('deleted');
    await test.admin.deleteNode({ params: { node: 'deleted' } });
    expect((await refusal(join(token))).code).toBe('join_token_invalid');
  });
});

it('says what to type for a node that has not joined', async () => {
  await test.invite('waiting');
  const node = await test.admin.getNode({ params: { node: 'waiting' } });
  expect(node.state).toBe('registered');
  expect(node.reason?.message).toContain('sudo pl node join');
});

it('prints a command without the token: argument lists are public', async () => {
  await test.invite('invited');
  const invitation = await test.admin.inviteNode({ params: { node: 'invited' }, body: {} });
  expect(invitation.command).toBe('sudo pl node join');
  expect(invitation.token).toMatch(/^pljoin_/);
});

describe('the site of a node', () => {
  it('is told at connecting, when the node does not know it as it is, and not to a manager of before', async () => {
    const node = new FakeNode(await join(await test.invite('sited')));
    const place = { city: 'Bern', country: 'CH', latitude: 46.95, longitude: 7.45 };
    const knows = (site: unknown) =>
      eventually(
        async () => node.site,
        (now) => isDeepStrictEqual(now, site),
      );
    await node.connect();
    await knows({ name: 'demo', title: 'Demo', place: null });
    node.disconnect();
    await test.admin.changeSite({ params: { site: 'demo' }, body: { title: 'Demo of Bern', place } });
    await node.connect();
    await knows({ name: 'demo', title: 'Demo of Bern', place });
    node.disconnect();
    node.site = undefined;
    node.requests.length = 0;
    const before = await test.admin.getNode({ params: { node: 'sited' } });
    await node.connect();
    await eventually(
      () => test.admin.getNode({ params: { node: 'sited' } }),
      ({ facts }) => facts !== null && facts.startedAt !== before.facts?.startedAt,
    );
    expect(node.requests.filter((request) => request.includes('/v1/node/site'))).toEqual([]);
    await node[Symbol.asyncDispose]();
  });
});
