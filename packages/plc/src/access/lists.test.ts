import type { Client, plcRoutes, RouteOutput } from '@planetlab/contract';
import { isPlanetLabError } from '@planetlab/model';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startTestPlc, type TestPlc } from '../testing/test-plc.ts';

/** `member`: of the site `other`, in the slice demo_a. `user`, `tech`, `pi`: of the site `demo`. `stranger`: PI of `other`. */
const WHO = ['anonymous', 'stranger', 'member', 'user', 'tech', 'pi', 'admin'] as const;
type Who = (typeof WHO)[number];
type PlcClient = Client<typeof plcRoutes>;

type Routes = typeof plcRoutes;
/** The routes that give a page of a list. */
type ListName = {
  [K in keyof Routes]: RouteOutput<Routes[K]> extends { next: string | null } ? K : never;
}[keyof Routes];

interface Row {
  /** What the list says, in a few words for each item. */
  readonly read: (client: PlcClient) => Promise<readonly string[]>;
  /** For each of WHO, in its order; `-` for nothing, a code for a refusal. */
  readonly sees: readonly [string, string, string, string, string, string, string];
}

let test: TestPlc;
const clients = new Map<Who, PlcClient>();
const operations = new Map<string, string>();
const mail = (who: string) => `${who}@example.org`;
const ASK = { query: { limit: 1000 } };
const OUT = 'not_signed_in';

const everyone = (all: string): Row['sees'] => [OUT, all, all, all, all, all, all];
const ALL_PEOPLE = 'admin member pi stranger tech user';
/** Everything of the slice demo_a, of other_c, or of both. */
const ofSlices: Row['sees'] = [OUT, 'other_c', 'demo_a other_c', 'demo_a', 'demo_a', 'demo_a', 'demo_a other_c'];

/** What every list shows to whom. A list without a row does not compile. */
const TABLE: Record<ListName, Row> = {
  listSites: {
    read: async (c) => (await c.listSites(ASK)).items.map(({ name }) => name),
    sees: everyone('demo other'),
  },
  listNodes: {
    read: async (c) => (await c.listNodes(ASK)).items.map(({ name }) => name),
    sees: everyone('here there'),
  },
  listGroups: { read: async (c) => (await c.listGroups(ASK)).items.map(({ name }) => name), sees: everyone('group') },
  listPersons: {
    read: async (c) => (await c.listPersons(ASK)).items.map(({ email }) => email.split('@')[0] ?? ''),
    sees: [OUT, 'member stranger', 'member stranger', 'pi tech user', 'pi tech user', 'pi tech user', ALL_PEOPLE],
  },
  listSlices: { read: async (c) => (await c.listSlices(ASK)).items.map(({ name }) => name), sees: ofSlices },
  listSlivers: { read: async (c) => (await c.listSlivers(ASK)).items.map(({ slice }) => slice), sees: ofSlices },
  listOperations: {
    read: async (c) => (await c.listOperations(ASK)).items.map(({ subject }) => subject),
    sees: ofSlices,
  },
  listOperationItems: {
    read: async (c) => {
      const params = { operation: operations.get('demo_a') ?? '' };
      return (await c.listOperationItems({ params, ...ASK })).items.map(({ subject }) => subject);
    },
    sees: [OUT, 'unknown_operation', 'demo_a@here', 'demo_a@here', 'demo_a@here', 'demo_a@here', 'demo_a@here'],
  },
  listEvents: {
    read: async (c) =>
      (await c.listEvents(ASK)).items
        .map(({ subject }) => subject)
        .filter((subject) => ['demo_a', 'other_c', mail('user'), mail('stranger')].includes(subject))
        .map((subject) => subject.split('@')[0] ?? ''),
    sees: [
      OUT,
      'other_c stranger',
      'demo_a other_c',
      'demo_a user',
      'demo_a',
      'demo_a',
      'demo_a other_c stranger user',
    ],
  },
  listTokens: {
    read: async (c) =>
      (await c.listTokens(ASK)).items.map(({ label }) => label).filter((label) => label.startsWith('of-')),
    sees: [OUT, 'of-stranger', 'of-member', 'of-user', 'of-tech', 'of-pi', 'of-admin'],
  },
  // each has one; the list tells nothing by which to tell them apart
  listSessions: {
    read: async (c) => (await c.listSessions(ASK)).items.map((_, index) => String(index)),
    sees: everyone('0'),
  },
  // only a browser makes one; the list asks by person, as that of tokens does
  listPasskeys: { read: async (c) => (await c.listPasskeys(ASK)).items.map(({ label }) => label), sees: everyone('-') },
  listKeys: {
    read: async (c) =>
      (await c.listKeys({ params: { person: mail('user') }, ...ASK })).items.map(
        ({ person }) => person.split('@')[0] ?? '',
      ),
    sees: [OUT, 'forbidden', 'forbidden', 'user', 'user', 'user', 'user'],
  },
  listSignUpSites: {
    read: async (c) => (await c.listSignUpSites(ASK)).items.map(({ name }) => name),
    sees: ['demo other', 'demo other', 'demo other', 'demo other', 'demo other', 'demo other', 'demo other'],
  },
  listRoleRequests: {
    read: async (c) => (await c.listRoleRequests(ASK)).items.map(({ person }) => person.split('@')[0] ?? ''),
    sees: [OUT, '-', 'member', '-', '-', 'member', 'member'],
  },
  listInvitations: {
    read: async (c) => (await c.listInvitations(ASK)).items.map(({ email }) => email.split('@')[0] ?? ''),
    sees: [OUT, '-', '-', '-', '-', 'guest', 'guest'],
  },
  listKillSwitches: {
    read: async (c) => (await c.listKillSwitches(ASK)).items.map(({ name }) => name),
    sees: [OUT, 'forbidden', 'forbidden', 'forbidden', 'forbidden', 'forbidden', 'demo_a'],
  },
  listAnnouncements: {
    read: async (c) => (await c.listAnnouncements(ASK)).items.map(({ title }) => title),
    sees: [OUT, 'all there', 'all demo_a there', 'all demo', 'all demo', 'all demo', 'all demo demo_a there'],
  },
  listMails: {
    read: async (c) => ((await c.listMails(ASK)).items.length > 0 ? ['mails'] : []),
    sees: [OUT, 'forbidden', 'forbidden', 'forbidden', 'forbidden', 'forbidden', 'mails'],
  },
};

beforeAll(async () => {
  test = await startTestPlc();
  const { admin } = test;
  for (const name of ['demo', 'other']) await admin.createSite({ body: { name, title: name } });
  await admin.createNode({ body: { name: 'here', site: 'demo' } });
  await admin.createNode({ body: { name: 'there', site: 'other' } });
  await admin.createGroup({ body: { name: 'group', site: 'demo' } });
  await addPeople();
  await admin.createSlice({ body: { name: 'demo_a', persons: [mail('member')] } });
  await admin.createSlice({ body: { name: 'other_c' } });
  for (const [slice, node] of [
    ['demo_a', 'here'],
    ['other_c', 'there'],
  ] as const)
    operations.set(slice, (await admin.addSlivers({ params: { slice }, body: { nodes: [node] } })).operation.id);
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsFEWaPCCn3sPaYCBcJGbTKPLbcJBFnqPsvMjDRDLyE';
  await admin.addKey({ params: { person: mail('user') }, body: { key } });
  await clients.get('member')?.requestRole({ body: { site: 'demo', role: 'user' } });
  const roles = [{ role: 'user' as const, site: 'demo' }];
  await clients.get('pi')?.invitePerson({ body: { email: mail('guest'), name: 'Guest', roles } });
  await announceAndStop();
});
afterAll(() => test[Symbol.asyncDispose]());

async function announceAndStop(): Promise<void> {
  const { admin } = test;
  await admin.announce({ body: { title: 'all' } });
  await admin.announce({ body: { title: 'demo', site: 'demo' } });
  await admin.announce({ body: { title: 'demo_a', slice: 'demo_a' } });
  await admin.announce({ body: { title: 'there', node: 'there' } });
  await admin.stop({ params: { kind: 'slice', name: 'demo_a' }, body: { reason: 'A test' } });
}

async function addPeople(): Promise<void> {
  const roles = {
    stranger: ['pi', 'other'],
    member: ['user', 'other'],
    user: ['user', 'demo'],
    tech: ['tech', 'demo'],
    pi: ['pi', 'demo'],
  } as const;
  clients.set('anonymous', test.withToken()).set('admin', test.admin);
  for (const [who, [role, site]] of Object.entries(roles) as [Who, (typeof roles)['pi']][])
    clients.set(who, (await test.person(mail(who), [{ role, site }])).client);
  for (const who of WHO) {
    const client = clients.get(who);
    if (client === undefined || who === 'anonymous') continue;
    await client.createToken({ body: { label: `of-${who}` } });
    const code = new URL((await client.createSignInLink({})).url).hash.slice(1);
    await client.createSession({ body: { code } });
  }
}

async function seen(read: Row['read'], who: Who): Promise<string> {
  try {
    const items = await read(clients.get(who) ?? test.withToken());
    return [...new Set(items)].toSorted().join(' ') || '-';
  } catch (error) {
    if (isPlanetLabError(error)) return error.code;
    throw error;
  }
}

describe('a list shows what its reader may see, and no more', () => {
  it.each(Object.entries(TABLE))('%s', async (_name, { read, sees }) => {
    const got = await Promise.all(WHO.map(async (who) => `${who}: ${await seen(read, who)}`));
    expect(got).toEqual(WHO.map((who, index) => `${who}: ${sees[index]}`));
  });
});

describe('page by page, a list is the same as whole', () => {
  const paged = [
    'listNodes',
    'listSlices',
    'listSlivers',
    'listPersons',
    'listSites',
    'listOperations',
    'listEvents',
  ] as const;
  it.each(paged)('%s', async (name) => {
    const whole = (await test.admin[name](ASK)).items;
    const found: unknown[] = [];
    for (let after: string | undefined; ; ) {
      const page = await test.admin[name]({ query: { limit: 1, after } });
      found.push(...page.items);
      if (page.next === null) break;
      after = page.next;
    }
    expect(found).toEqual(whole);
  });
});
