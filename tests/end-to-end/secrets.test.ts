import { readdirSync, readFileSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseJoinToken } from '@planetlab/credentials';
import { messageOf } from '@planetlab/model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type PlcAndNode, startPlcAndNode } from './plc-and-node.ts';

let programs: PlcAndNode;
/** What nobody else may see, by what it is. */
const secrets = new Map<string, string>();
/** Every argument list that was seen on the machine while things went on. */
const commandLines = new Set<string>();
let told: string;

beforeAll(async () => {
  const looking = setInterval(lookAtArguments, 10);
  programs = await startPlcAndNode();
  told = await useEverySecret();
  clearInterval(looking);
});
afterAll(() => programs?.[Symbol.asyncDispose]());

/** Lives through all that involves a secret; gives everything that PLC and node answered to others. */
async function useEverySecret(): Promise<string> {
  const admin = programs.client(programs.adminToken);
  const answers: unknown[] = [];
  secrets.set('the first admin’s API token', programs.adminToken);
  await admin.createSite({ body: { name: 'eth', title: 'ETH' } });
  await admin.createNode({ body: { name: 'tokyo', site: 'eth' } });
  const joinToken = await programs.invite('tokyo');
  secrets.set('the join token', joinToken);
  secrets.set('the secret in the join token', parseJoinToken(joinToken).secret);
  expect(await programs.join('tokyo', joinToken)).toMatchObject({ code: 0 });
  expect(await programs.join('again', joinToken)).not.toMatchObject({ code: 0 });
  await programs.run('tokyo');
  const made = await admin.createToken({ body: { label: 'another' } });
  secrets.set('an API token', made.token);
  answers.push(await admin.listTokens({}));
  const code = new URL((await admin.createSignInLink({})).url).hash.slice(1);
  secrets.set('the code of a sign-in link', code);
  secrets.set('the session', await signIn(code));
  answers.push(await usePasswords(admin));
  await admin.createSlice({ body: { name: 'eth_demo' } });
  await admin.addSlivers({ params: { slice: 'eth_demo' }, body: { nodes: ['tokyo'] } });
  const state = async () => (await admin.listSlivers({ query: {} })).items[0]?.state;
  while ((await state()) !== 'running') await new Promise((resolve) => setTimeout(resolve, 50));
  for (const [what, file] of [
    ['the authority’s key', 'plc/authority.key'],
    ['the broker’s key', 'plc/broker.key'],
    ['the node’s key', 'tokyo/node.key'],
  ] as const) {
    const pem = await readFile(join(programs.folder, file), 'utf8');
    secrets.set(what, pem.split('\n')[1] ?? '');
  }
  // refusals speak of what was sent; they do not repeat it
  const bad = programs.client(`${made.token}x`);
  const attempts = [() => bad.getMe({}), () => programs.client().createSession({ body: { code } })];
  for (const attempt of attempts)
    answers.push(
      await attempt().then(
        () => expect.unreachable(),
        (error) => messageOf(error),
      ),
    );
  answers.push((await admin.listEvents({ query: { limit: 1000 } })).items);
  answers.push((await admin.listNodes({ query: {} })).items, await admin.listPersons({ query: {} }));
  const figures = { headers: { authorization: `Bearer ${programs.adminToken}` } };
  answers.push(await (await fetch(`${programs.plcUrl}/metrics`, figures)).text());
  return JSON.stringify(answers);
}

/** A password is chosen and used, and another one tried. */
async function usePasswords(admin: ReturnType<PlcAndNode['client']>): Promise<unknown> {
  const anybody = programs.client();
  const email = 'ada@example.org';
  const [first, second] = ['a long and good password', 'another password, which is mistaken'];
  secrets.set('a password', first);
  secrets.set('a mistaken password', second);
  await admin.changePassword({ body: { password: first } });
  const { token } = await anybody.createTokenByPassword({ body: { email, password: first, label: 'pl' } });
  secrets.set('a token made by password', token);
  return anybody.signInByPassword({ body: { email, password: second } }).then(
    () => expect.unreachable(),
    (error) => messageOf(error),
  );
}

async function signIn(code: string): Promise<string> {
  const headers = { 'content-type': 'application/json' };
  const reply = await fetch(`${programs.plcUrl}/v1/sessions`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ code }),
  });
  return /^planetlab_session=([^;]+)/.exec(reply.headers.get('set-cookie') ?? '')?.[1] ?? '';
}

function lookAtArguments(): void {
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      commandLines.add(readFileSync(`/proc/${pid}/cmdline`, 'utf8'));
    } catch {
      // it has ended meanwhile
    }
  }
}

/** Which of the secrets a text has in it. */
const found = (text: string): string[] =>
  [...secrets].filter(([, secret]) => secret.length > 20 && text.includes(secret)).map(([what]) => what);

it('there are secrets to look for, and they are found where they are', () => {
  expect([...secrets].filter(([, secret]) => secret.length <= 20)).toEqual([]);
  expect(found(`x${programs.adminToken}x`)).toEqual(['the first admin’s API token']);
});

it('no log has a secret, at the most talkative level', () => {
  expect(programs.written()).toContain('node connected');
  expect(found(programs.written())).toEqual([]);
});

it('no event, list, figure or refusal has a secret', () => {
  expect(told).toContain('token.created');
  expect(found(told)).toEqual([]);
});

it('no argument list on the machine has a secret', () => {
  expect([...commandLines].some((line) => line.includes('node-manager'))).toBe(true);
  expect(found([...commandLines].join('\n'))).toEqual([]);
});

it('no file has a secret but those that only their owner can read', () => {
  const open: string[] = [];
  const walk = (folder: string, closed: boolean): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      const shut = closed || (statSync(path).mode & 0o044) === 0;
      if (entry.isDirectory()) walk(path, closed || (statSync(path).mode & 0o011) === 0);
      else if (entry.isFile() && !shut && found(readFileSync(path, 'latin1')).length > 0) open.push(path);
    }
  };
  walk(programs.folder, false);
  expect(open).toEqual([]);
});

it('the database has hashes in place of what opens something', () => {
  const texts: string[] = [];
  const walk = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) walk(path);
      else if (entry.isFile()) texts.push(readFileSync(path, 'latin1'));
    }
  };
  walk(join(programs.folder, 'plc/postgres'));
  expect(texts.some((text) => text.includes('token.created'))).toBe(true); // its log of changes is readable here
  expect(found(texts.join('\n'))).toEqual([]);
});
