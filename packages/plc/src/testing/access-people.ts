import { plcRoutes } from '@planetlab/contract';
import { codeFor } from './mails.ts';
import type { TestPlc } from './test-plc.ts';

export interface AccessInput {
  readonly params?: Record<string, string>;
  readonly query?: Record<string, string>;
  readonly body?: unknown;
}
export interface AccessCase {
  /** Of more than one case of a route: what is special about this one. */
  readonly when?: string;
  readonly input: () => AccessInput | Promise<AccessInput>;
  /** Status for each of those who ask, in their order. */
  readonly status: string;
  /** Whether each asks with a token of their own for this one request, because it does not survive it. */
  readonly spareToken?: true;
}
export type AccessRows<N extends keyof typeof plcRoutes> = Record<N, AccessCase | readonly AccessCase[]>;

const all = (status: number) => Array.from({ length: 7 }, () => status).join(' ');
const SIGNED_IN = (status: number) => `401 ${Array.from({ length: 6 }, () => status).join(' ')}`;
const ADMIN = (status: number) => `401 403 403 403 403 403 ${status}`;
const PI = (status: number) => `401 403 403 403 403 ${status} ${status}`;
const nothing = () => ({});
const PASSWORD = 'correct horse battery';
const BYTES = 'AAAA';

const atDemo = { query: { site: 'demo' } };
const credential = { id: BYTES, rawId: BYTES, type: 'public-key' };

type Makers = ReturnType<typeof makers>;

/** What the rows ask about is made anew for each request. */
function makers(test: () => TestPlc, fresh: (prefix: string) => string) {
  const email = () => `${fresh('someone')}@example.org`;
  const person = async (roles: readonly { role: 'user' | 'pi'; site: string }[] = [{ role: 'user', site: 'demo' }]) => {
    const body = { email: email(), name: 'Someone', roles: [...roles] };
    await test().admin.createPerson({ body });
    return body.email;
  };
  const account = async () => {
    const one = await test().person(email());
    await one.client.changePassword({ body: { password: PASSWORD } });
    return { body: { email: one.email, password: PASSWORD } };
  };
  const device = async () => {
    const from = { 'x-forwarded-for': `203.0.113.${(Number(fresh('').replace(/\D/g, '')) % 250) + 1}` };
    const started = await fetch(`${test().plc.publicUrl}/v1/device-sign-ins`, {
      method: 'POST',
      headers: { ...from, 'content-type': 'application/json' },
      body: JSON.stringify({ label: 'x' }),
    });
    return plcRoutes.startDeviceSignIn.reply.schema.parse(await started.json());
  };
  const request = async (role: 'user' | 'pi') => {
    const one = await test().person(email());
    await one.client.requestRole({ body: { site: 'demo', role } });
    return { params: { person: one.email, site: 'demo', role } };
  };
  const invite = async () => {
    const body = { email: email(), name: 'Someone', roles: [{ role: 'user' as const, site: 'demo' }] };
    return test().admin.invitePerson({ body });
  };
  return { test, fresh, email, person, account, device, request, invite };
}

/** Passwords, passkeys, sessions. */
const signingIn = ({ test, email, person, account }: Makers) =>
  ({
    getSignInMethods: { input: nothing, status: all(200) },
    signInByPassword: { input: account, status: all(201) },
    createTokenByPassword: {
      input: async () => ({ body: { ...(await account()).body, label: 'x' } }),
      status: all(201),
    },
    changePassword: { input: () => ({ body: { password: PASSWORD } }), status: SIGNED_IN(204) },
    requestPasswordReset: { input: () => ({ body: { email: email() } }), status: all(202) },
    resetPassword: {
      input: async () => {
        const who = await person();
        await test()
          .withToken()
          .requestPasswordReset({ body: { email: who } });
        return { body: { code: await codeFor(test().admin, who, 'password.reset'), password: PASSWORD } };
      },
      status: all(204),
    },
    listSessions: { input: nothing, status: SIGNED_IN(200) },
    deleteSession: { input: () => ({ params: { session: crypto.randomUUID() } }), status: SIGNED_IN(404) },
    deleteCurrentToken: { input: nothing, status: SIGNED_IN(204), spareToken: true },
    startPasskey: { input: nothing, status: SIGNED_IN(201) },
    addPasskey: {
      when: 'that was not made for us',
      input: () => ({
        body: {
          label: 'x',
          credential: { ...credential, response: { clientDataJSON: BYTES, attestationObject: BYTES } },
        },
      }),
      status: SIGNED_IN(400),
    },
    listPasskeys: { input: nothing, status: SIGNED_IN(200) },
    deletePasskey: { when: 'of nobody', input: () => ({ params: { passkey: BYTES } }), status: SIGNED_IN(404) },
    startPasskeySignIn: { input: nothing, status: all(201) },
    signInByPasskey: {
      when: 'that nobody has',
      input: () => ({
        body: {
          credential: {
            ...credential,
            response: { clientDataJSON: BYTES, authenticatorData: BYTES, signature: BYTES },
          },
        },
      }),
      status: all(401),
    },
    startOidcSignIn: { when: 'where there is none', input: nothing, status: all(404) },
    signInByOidc: { when: 'where there is none', input: () => ({ body: { query: '?code=x' } }), status: all(404) },
  }) as const satisfies Partial<AccessRows<keyof typeof plcRoutes>>;

/** Programs that are let in, and mail addresses that change. */
const deciding = ({ email, device }: Makers) =>
  ({
    startDeviceSignIn: { input: () => ({ body: { label: 'x' } }), status: all(201) },
    takeDeviceToken: {
      when: 'before anybody agreed',
      input: async () => ({ body: { deviceCode: (await device()).deviceCode } }),
      status: all(400),
    },
    getDeviceSignIn: { input: async () => ({ params: { code: (await device()).userCode } }), status: SIGNED_IN(200) },
    decideDeviceSignIn: {
      input: async () => ({ params: { code: (await device()).userCode }, body: { allow: true } }),
      status: SIGNED_IN(204),
    },
    askForAddress: {
      when: 'without showing who one is',
      input: () => ({ body: { email: email() } }),
      status: SIGNED_IN(401),
    },
    confirmAddress: {
      when: 'with no code of a mail',
      input: () => ({ body: { code: BYTES } }),
      status: SIGNED_IN(401),
    },
    objectToAddress: { when: 'with no code of a mail', input: () => ({ body: { code: BYTES } }), status: all(401) },
  }) as const satisfies Partial<AccessRows<keyof typeof plcRoutes>>;

/** Sign-ups, requests, invitations. */
const coming = ({ test, fresh, email, request, invite }: Makers) =>
  ({
    listSignUpSites: { input: nothing, status: all(200) },
    signUp: { input: () => ({ body: { email: email(), name: 'S', site: 'demo' } }), status: all(202) },
    confirmSignUp: {
      input: async () => {
        const body = { email: email(), name: 'S', site: 'demo' };
        await test().withToken().signUp({ body });
        return { body: { code: await codeFor(test().admin, body.email, 'sign-up.started'), password: PASSWORD } };
      },
      status: all(201),
    },
    requestRole: {
      input: async () => {
        const site = fresh('new');
        await test().admin.createSite({ body: { name: site, title: site } });
        return { body: { site, role: 'tech' } };
      },
      status: SIGNED_IN(201),
    },
    listRoleRequests: { input: nothing, status: SIGNED_IN(200) },
    approveRoleRequest: [
      { when: 'of a user', input: () => request('user'), status: PI(200) },
      { when: 'of a PI', input: () => request('pi'), status: ADMIN(200) },
    ],
    rejectRoleRequest: [
      { when: 'of a user', input: () => request('user'), status: PI(204) },
      { when: 'of a PI', input: () => request('pi'), status: ADMIN(204) },
    ],
    invitePerson: [
      {
        when: 'as a user',
        input: () => ({ body: { email: email(), name: 'S', roles: [{ role: 'user', site: 'demo' }] } }),
        status: PI(201),
      },
      {
        when: 'as a PI',
        input: () => ({ body: { email: email(), name: 'S', roles: [{ role: 'pi', site: 'demo' }] } }),
        status: ADMIN(201),
      },
    ],
    listInvitations: { input: nothing, status: SIGNED_IN(200) },
    withdrawInvitation: {
      when: 'of an admin',
      input: async () => ({ params: { invitation: (await invite()).id } }),
      status: '401 404 404 404 404 204 204',
    },
    acceptInvitation: {
      input: async () => ({
        body: { code: await codeFor(test().admin, (await invite()).email, 'person.invited'), password: PASSWORD },
      }),
      status: all(201),
    },
  }) as const satisfies Partial<AccessRows<keyof typeof plcRoutes>>;

/** Roles given and taken, people disabled and removed. */
const managing = ({ person }: Makers) =>
  ({
    giveRole: [
      {
        when: 'user',
        input: async () => ({ params: { person: await person([]), role: 'user' }, ...atDemo }),
        status: PI(200),
      },
      {
        when: 'pi',
        input: async () => ({ params: { person: await person(), role: 'pi' }, ...atDemo }),
        status: ADMIN(200),
      },
      { when: 'admin', input: async () => ({ params: { person: await person(), role: 'admin' } }), status: ADMIN(200) },
    ],
    takeRole: {
      when: 'user',
      input: async () => ({ params: { person: await person(), role: 'user' }, ...atDemo }),
      status: PI(200),
    },
    changeEnabled: [
      {
        when: 'of a user',
        input: async () => ({ params: { person: await person() }, body: { enabled: false } }),
        status: PI(200),
      },
      {
        when: 'of a PI',
        input: async () => ({
          params: { person: await person([{ role: 'pi', site: 'demo' }]) },
          body: { enabled: false },
        }),
        status: ADMIN(200),
      },
      {
        when: 'of somebody who is at another site too',
        input: async () => ({
          params: {
            person: await person([
              { role: 'user', site: 'demo' },
              { role: 'user', site: 'other' },
            ]),
          },
          body: { enabled: false },
        }),
        status: ADMIN(200),
      },
    ],
    removePerson: { when: 'a user', input: async () => ({ params: { person: await person() } }), status: PI(204) },
    listMails: { input: nothing, status: ADMIN(200) },
  }) as const satisfies Partial<AccessRows<keyof typeof plcRoutes>>;

/** Rows of the access table about people; `fresh` makes names that nothing else has. */
export function accessOfPeople(test: () => TestPlc, fresh: (prefix: string) => string) {
  const made = makers(test, fresh);
  return { ...signingIn(made), ...deciding(made), ...coming(made), ...managing(made) };
}
