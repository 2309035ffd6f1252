import { randomUUID } from 'node:crypto';
import type { ApiToken, RoleAt, TokenScope } from '@planetlab/contract';
import { hashSecret } from '@planetlab/credentials';
import { MINUTE_MS, type PersonEmail, PlanetLabError, Principal } from '@planetlab/model';
import type { Selectable } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import type { Actor } from '../access/rules.ts';
import { record } from '../events/record.ts';
import type { Db, TokenTable, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { newApiToken, newCode, SESSION_MS, SIGN_IN_LINK_MS } from './secrets.ts';

export const principalOf = (email: PersonEmail): Principal => Principal.parse(`person:${email}`);

const toToken = (row: Selectable<TokenTable>): ApiToken => ({
  id: row.id,
  label: row.label,
  scopes: [...row.scopes],
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
  lastUsedAt: row.last_used_at?.toISOString() ?? null,
});

export interface NewToken {
  readonly person: PersonEmail;
  readonly label: string;
  readonly expiresAt: Date;
  /** Default: whatever the person may. */
  readonly scopes?: readonly TokenScope[];
}

/** The token in clear is in the answer and nowhere else. */
export async function createToken(
  store: Store,
  actor: Principal,
  input: NewToken,
): Promise<ApiToken & { readonly token: string }> {
  return store.db.transaction().execute((trx) => insertToken(trx, store.now(), actor, input));
}

export async function insertToken(trx: Trx, at: Date, actor: Principal, input: NewToken, secret = newApiToken()) {
  const { token, hash } = secret;
  const row = {
    id: randomUUID(),
    person: input.person,
    label: input.label,
    hash,
    created_at: at,
    expires_at: input.expiresAt,
    last_used_at: null,
  };
  const scopes = input.scopes ?? ['all'];
  await trx
    .insertInto('tokens')
    .values({ ...row, scopes: JSON.stringify(scopes) })
    .execute();
  const after = { id: row.id, label: input.label, scopes, expiresAt: input.expiresAt };
  await record(trx, { at, actor, kind: 'token.created', subject: input.person, after });
  return { ...toToken({ ...row, scopes }), token };
}

export async function listTokens(db: Db, person: PersonEmail): Promise<ApiToken[]> {
  const rows = await db.selectFrom('tokens').selectAll().where('person', '=', person).orderBy('created_at').execute();
  return rows.map(toToken);
}

/** Throws `unknown_key`, for tokens of others too. */
export async function deleteToken(store: Store, actor: Actor, id: string): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const row = await trx
      .deleteFrom('tokens')
      .where('id', '=', id)
      .where('person', '=', actor.email)
      .returning(['id', 'label'])
      .executeTakeFirst();
    if (row === undefined) {
      throw new PlanetLabError('unknown_key', 'You have no such API token. List your tokens to see which there are.');
    }
    const entry = { at, actor: actor.principal, kind: 'token.revoked', subject: actor.email, before: row };
    await record(trx, entry);
  });
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
export async function openSession(store: Store, code: string): Promise<{ person: PersonEmail; session: string }> {
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
    const { code: session, hash } = newCode();
    const expiresAt = new Date(at.getTime() + SESSION_MS);
    await trx.deleteFrom('sessions').where('expires_at', '<', at).execute();
    const row = { hash, person: link.person, created_at: at, expires_at: expiresAt };
    await trx.insertInto('sessions').values(row).execute();
    await record(trx, { at, actor: principalOf(link.person), kind: 'session.opened', subject: link.person });
    return { person: link.person, session };
  });
}

export async function endSession(store: Store, actor: Actor, session: string): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    await trx.deleteFrom('sessions').where('hash', '=', hashSecret(session)).execute();
    await record(trx, { at, actor: actor.principal, kind: 'session.ended', subject: actor.email });
  });
}

/** Whom a secret belongs to. Undefined when there is none such, or it expired, or the person is not enabled. */
export async function actorOf(store: Store, kind: 'tokens' | 'sessions', secret: string): Promise<Actor | undefined> {
  const at = store.now();
  const hash = hashSecret(secret);
  const row = await store.db
    .selectFrom(kind)
    .innerJoin('persons', 'persons.email', `${kind}.person`)
    .select((eb) => [
      'persons.email',
      jsonArrayFrom(
        eb.selectFrom('roles').select(['roles.role', 'roles.site']).whereRef('roles.person', '=', 'persons.email'),
      ).as('roles'),
    ])
    .where(`${kind}.hash`, '=', hash)
    .where(`${kind}.expires_at`, '>', at)
    .where('persons.enabled', '=', true)
    .executeTakeFirst();
  if (row === undefined) return undefined;
  if (kind === 'tokens') await noteUse(store.db, hash, at);
  const roles: RoleAt[] = row.roles;
  return { principal: principalOf(row.email), email: row.email, roles };
}

/** To the minute: a program that asks often does not cause a write each time. */
async function noteUse(db: Db, hash: string, at: Date): Promise<void> {
  await db
    .updateTable('tokens')
    .set({ last_used_at: at })
    .where('hash', '=', hash)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', new Date(at.getTime() - MINUTE_MS))]))
    .execute();
}
