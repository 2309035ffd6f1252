import { PersonEmail } from '@planetlab/model';
import { sql } from 'kysely';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { openDatabase } from '../store/database.ts';
import type { Db } from '../store/schema.ts';
import { browser, refusal, signInByPassword } from '../testing/browser.ts';
import { codeFor, newestMail } from '../testing/mails.ts';
import { startTestPlc, type TestPlc } from '../testing/test-plc.ts';
import { LEFT, MOVED } from './move-address.ts';

// Passwords are dear to look at on purpose.
vi.setConfig({ testTimeout: 90_000 });

const PASSWORD = 'correct horse battery';
const keyOf = (byte: number): string =>
  `ssh-ed25519 ${Buffer.concat([Buffer.from([0, 0, 0, 11]), Buffer.from('ssh-ed25519'), Buffer.from([0, 0, 0, 32]), Buffer.alloc(32, byte)]).toString('base64')} ada`;
const [KEY, EARLIER_KEY, OTHER_KEY] = [keyOf(9), keyOf(10), keyOf(11)] as const;
let test: TestPlc;
let db: Db;
let count = 0;
const address = () => PersonEmail.parse(`p${++count}@example.org`);

beforeAll(async () => {
  test = await startTestPlc();
  await test.admin.createSite({ body: { name: 'demo', title: 'Demo' } });
  db = openDatabase({ socketFolder: `${test.state}/run` }, () => {});
});
afterAll(async () => {
  await db.destroy();
  await test[Symbol.asyncDispose]();
});

async function member() {
  const one = await test.person(address(), [{ role: 'user', site: 'demo' }]);
  await one.client.changePassword({ body: { password: PASSWORD } });
  return one;
}
const confirm = (code: string, as = test.withToken()) => as.confirmAddress({ body: { code } });
const object = (code: string) => test.withToken().objectToAddress({ body: { code } });

it('moves with its person whatever is theirs, and nothing else of them stays', async () => {
  const { email, client } = await member();
  const to = address();
  const slice = `demo_s${++count}`;
  await client.addKey({ params: { person: email }, body: { key: KEY } });
  await client.createSlice({ body: { name: slice } });
  const before = await client.getPerson({ params: { person: email } });
  await client.askForAddress({ body: { email: to, password: PASSWORD } });
  expect(await client.getMe({}), 'nothing changes yet').toEqual(before);
  const code = await codeFor(test.admin, to, 'address.confirm');
  const other = await member();
  expect(await refusal(confirm(code, other.client)), 'nobody else takes it').toBe('mail_link_invalid');
  expect(await confirm(code, client)).toEqual({ ...before, email: to });
  expect(await refusal(confirm(code, client)), 'once').toBe('mail_link_invalid');

  expect(await client.getMe({}), 'the token is theirs').toMatchObject({ email: to, roles: before.roles });
  expect((await client.listKeys({ params: { person: to }, query: {} })).items).toHaveLength(1);
  expect((await client.getSlice({ params: { slice } })).persons).toEqual([to]);
  expect(await signInByPassword(test, to, PASSWORD)).toBe(201);
  expect(await signInByPassword(test, email, PASSWORD)).toBe('sign_in_failed');
  expect(await refusal(test.admin.getPerson({ params: { person: email } }))).toBe('unknown_person');
  const { items } = await test.admin.listEvents({ query: { person: email, limit: 100 } });
  expect(items.find(({ kind }) => kind === 'person.address-changed')).toMatchObject({
    subject: to,
    before: { email },
    after: { email: to },
  });
  const spans = await sql`select person, until_at is null as open from slice_person_spans
    join slices on slices.id = slice_id where slices.name = ${slice} order by from_at, until_at`.execute(db);
  expect(spans.rows).toEqual([
    { person: email, open: false },
    { person: to, open: true },
  ]);
});

it('is known to every table that knows people', async () => {
  const { rows } = await sql<{ at: string }>`
    select k.conrelid::regclass::text || '.' || a.attname as at from pg_constraint k
    join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
    where k.contype = 'f' and k.confrelid = 'persons'::regclass`.execute(db);
  const known = [...MOVED, ...LEFT].map(([table, column]) => `${table}.${column}`);
  expect(rows.map(({ at }) => at).toSorted()).toEqual(known.toSorted());
});

it('takes the password, or a session that has just begun without one', async () => {
  const { email, client } = await member();
  const body = { email: address() };
  expect(await refusal(client.askForAddress({ body }))).toBe('sign_in_failed');
  expect(await refusal(client.askForAddress({ body: { ...body, password: 'something else' } }))).toBe('sign_in_failed');
  expect(await refusal(client.askForAddress({ body: { email, password: PASSWORD } }))).toBe('malformed_request');
  const without = await test.person(address(), [{ role: 'user', site: 'demo' }]);
  expect(await refusal(without.client.askForAddress({ body }))).toBe('sign_in_failed');
  const ask = browser(test);
  const link = new URL((await without.client.createSignInLink({})).url).hash.slice(1);
  await ask('POST', '/v1/sessions', { code: link });
  const tried = () => ask('POST', '/v1/me/address-changes', body).then(({ status }) => status);
  expect(await tried(), 'a link is made with a token alone').toBe(401);
  const sessions = db
    .updateTable('sessions')
    .set({ method: 'passkey' })
    .where('person', '=', PersonEmail.parse(without.email));
  await sessions.execute();
  test.advance(11 * 60_000);
  expect(await tried(), 'too long ago').toBe(401);
  test.advance(-11 * 60_000);
  expect(await tried()).toBe(202);
});

it('tells nobody but its owner that an address is taken', async () => {
  const owner = await member();
  const { email, client } = await member();
  await client.askForAddress({ body: { email: owner.email, password: PASSWORD } });
  const mail = await newestMail(test.admin, owner.email, 'address.confirm');
  expect(mail?.text).toContain('an account with this address already');
  expect(mail?.text).not.toContain(email);
  expect(mail?.text).not.toContain('#');
});

it('is undone by who reads the mail of the address before, and every way in ends', async () => {
  const { email, client } = await member();
  const to = address();
  const before = await client.addKey({ params: { person: email }, body: { key: EARLIER_KEY } });
  test.advance(1000);
  await client.askForAddress({ body: { email: to, password: PASSWORD } });
  const objection = await codeFor(test.admin, email, 'address.asked');
  await confirm(await codeFor(test.admin, to, 'address.confirm'), client);
  await client.addKey({ params: { person: to }, body: { key: OTHER_KEY } });
  await object(objection);
  const { items: keys } = await test.admin.listKeys({ params: { person: email }, query: {} });
  expect(
    keys.map(({ fingerprint }) => fingerprint),
    'what was added since',
  ).toEqual([before.fingerprint]);
  expect(await test.admin.getPerson({ params: { person: email } })).toMatchObject({ enabled: true });
  expect(await refusal(client.getMe({}))).toBe('not_signed_in');
  expect(await signInByPassword(test, email, PASSWORD)).toBe('sign_in_failed');
  expect(await refusal(object(objection)), 'once').toBe('mail_link_invalid');
});

it('does not happen when it was objected to, asked for anew, or is a day old', async () => {
  const { email, client } = await member();
  const [first, second] = [address(), address()];
  const ask = (to: PersonEmail) => client.askForAddress({ body: { email: to, password: PASSWORD } });
  await ask(first);
  const replaced = await codeFor(test.admin, first, 'address.confirm');
  await ask(second);
  expect(await refusal(confirm(replaced, client))).toBe('mail_link_invalid');
  const code = await codeFor(test.admin, second, 'address.confirm');
  test.advance(86_400_000 + 1000);
  expect(await refusal(confirm(code, client))).toBe('mail_link_invalid');
  test.advance(-86_400_000 - 1000);
  for (let more = 0; more < 3; more++) await ask(first);
  expect(await refusal(ask(first))).toBe('too_many_requests');
  const last = await codeFor(test.admin, first, 'address.confirm');
  await object(await codeFor(test.admin, email, 'address.asked'));
  expect(await refusal(confirm(last, client))).toBe('not_signed_in');
  const { token } = await test.admin.createToken({ body: { label: 'x', person: email } });
  expect(await refusal(confirm(last, test.withToken(token)))).toBe('mail_link_invalid');
});

it('does not let go of who is stopped', async () => {
  const { email, client } = await member();
  const to = address();
  await client.askForAddress({ body: { email: to, password: PASSWORD } });
  await test.admin.stop({ params: { kind: 'person', name: email }, body: { reason: 'A test' } });
  await confirm(await codeFor(test.admin, to, 'address.confirm'), client).catch(() => {});
  const { rows } = await sql`select name from kill_switches where kind = 'person'`.execute(db);
  const now = await test.admin.getPerson({ params: { person: to } }).catch(() => ({ email }));
  expect(rows).toEqual([{ name: now.email }]);
});
