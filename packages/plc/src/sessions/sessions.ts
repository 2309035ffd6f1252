import type { Session } from '@planetlab/contract';
import { hashSecret } from '@planetlab/credentials';
import { type PersonEmail, PlanetLabError } from '@planetlab/model';
import type { Actor } from '../access/rules.ts';
import { record } from '../events/record.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { newCode, SESSION_MS, SIGN_IN_LINK_MS } from './secrets.ts';
import { principalOf } from './store.ts';

/** How somebody signed in, and with which browser. */
export interface SignIn {
  readonly method: 'link' | 'password' | 'passkey' | 'oidc';
  readonly browser: string;
}

export interface OpenedSession {
  readonly person: PersonEmail;
  /** The secret for the cookie. */
  readonly session: string;
}

export async function createSignInLink(store: Store, actor: Actor): Promise<{ code: string; expiresAt: Date }> {
  const at = store.now();
  const { code, hash } = newCode();
  const expiresAt = new Date(at.getTime() + SIGN_IN_LINK_MS);
  await store.db.transaction().execute(async (trx) => {
    await trx.deleteFrom('sign_in_links').where('expires_at', '<', at).execute();
    const row = { hash, person: actor.email, created_at: at, expires_at: expiresAt, used_at: null };
    await trx.insertInto('sign_in_links').values(row).execute();
    await record(trx, { at, actor: actor.principal, kind: 'sign-in-link.created', subject: actor.email });
  });
  return { code, expiresAt };
}

/** Turns the code of a link into a session, once. Throws `sign_in_link_invalid`. */
export async function openSessionByLink(store: Store, code: string, browser: string): Promise<OpenedSession> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const link = await trx
      .updateTable('sign_in_links')
      .set({ used_at: at })
      .where('hash', '=', hashSecret(code))
      .where('used_at', 'is', null)
      .where('expires_at', '>', at)
      .returning('person')
      .executeTakeFirst();
    if (link === undefined) {
      throw new PlanetLabError(
        'sign_in_link_invalid',
        'This sign-in link was used already or is older than ten minutes. Make a new one with: pl console',
      );
    }
    return openSession(trx, at, link.person, { method: 'link', browser });
  });
}

const BROWSER_CHARACTERS = 200;

/** For a person who has just shown who they are. */
export async function openSession(trx: Trx, at: Date, person: PersonEmail, signIn: SignIn): Promise<OpenedSession> {
  const { code: session, hash } = newCode();
  const expiresAt = new Date(at.getTime() + SESSION_MS);
  await trx.deleteFrom('sessions').where('expires_at', '<', at).execute();
  const { method } = signIn;
  const browser = signIn.browser.slice(0, BROWSER_CHARACTERS);
  await trx
    .insertInto('sessions')
    .values({ hash, person, created_at: at, expires_at: expiresAt, method, browser, last_used_at: at })
    .execute();
  await record(trx, { at, actor: principalOf(person), kind: 'session.opened', subject: person, after: { method } });
  return { person, session };
}

/** Those of the actor, the newest first; `secret` is that of the session that asks. */
export async function listSessions(db: Db, actor: Actor, at: Date, secret: string | undefined): Promise<Session[]> {
  const own = secret === undefined ? undefined : hashSecret(secret);
  const rows = await db
    .selectFrom('sessions')
    .selectAll()
    .where('person', '=', actor.email)
    .where('expires_at', '>', at)
    .orderBy('created_at', 'desc')
    .limit(1000)
    .execute();
  return rows.map((row) => ({
    id: row.id,
    method: row.method,
    browser: row.browser,
    createdAt: row.created_at.toISOString(),
    lastUsedAt: row.last_used_at?.toISOString() ?? null,
    expiresAt: row.expires_at.toISOString(),
    current: row.hash === own,
  }));
}

/** Throws `unknown_session`, for sessions of others too. */
export async function deleteSession(store: Store, actor: Actor, id: string): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const gone = await trx
      .deleteFrom('sessions')
      .where('id', '=', id)
      .where('person', '=', actor.email)
      .returning(['id', 'method'])
      .executeTakeFirst();
    if (gone === undefined) {
      throw new PlanetLabError(
        'unknown_session',
        'You have no such session. List your sessions to see which there are.',
      );
    }
    await record(trx, { at, actor: actor.principal, kind: 'session.ended', subject: actor.email, before: gone });
  });
}

export async function endSession(store: Store, actor: Actor, session: string): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    await trx.deleteFrom('sessions').where('hash', '=', hashSecret(session)).execute();
    await record(trx, { at, actor: actor.principal, kind: 'session.ended', subject: actor.email });
  });
}

/** Ends the sessions of a person, but one when its secret is given. In the transaction of what made that necessary. */
export async function endSessionsOf(trx: Trx, person: PersonEmail, but?: string): Promise<void> {
  let query = trx.deleteFrom('sessions').where('person', '=', person);
  if (but !== undefined) query = query.where('hash', '!=', hashSecret(but));
  await query.execute();
  await trx.deleteFrom('sign_in_links').where('person', '=', person).execute();
}
