import { randomUUID } from 'node:crypto';
import type { ApiToken, RoleAt, TokenScope } from '@planetlab/contract';
import { hashSecret } from '@planetlab/credentials';
import { MINUTE_MS, type PersonEmail, PlanetLabError, Principal } from '@planetlab/model';
import { type Selectable, sql } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import type { Actor } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { type Paging, parseTimeCursor } from '../store/page.ts';
import type { Db, TokenTable, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { newApiToken } from './secrets.ts';

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

/** Oldest first. */
export async function listTokens(db: Db, person: PersonEmail, { limit, after }: Paging): Promise<ApiToken[]> {
  let query = db.selectFrom('tokens').selectAll().where('person', '=', person);
  if (after !== undefined) {
    const { at, id } = parseTimeCursor(after);
    query = query.where(sql<boolean>`(created_at, id::text) > (${at}, ${id})`);
  }
  return (await query.orderBy('created_at').orderBy(sql`id::text`).limit(limit).execute()).map(toToken);
}

/** A token's own end, by who holds it. Throws `unknown_key`. */
export async function deleteTokenBySecret(store: Store, actor: Actor, secret: string): Promise<void> {
  const hash = hashSecret(secret);
  const row = await store.db.selectFrom('tokens').select('id').where('hash', '=', hash).executeTakeFirst();
  await deleteToken(store, actor, row?.id ?? randomUUID());
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

/** Whom a secret belongs to, and what it may be used for. Undefined when there is none such, or it expired, or the person is not enabled. */
export async function holderOf(
  store: Store,
  kind: 'tokens' | 'sessions',
  secret: string,
): Promise<{ readonly actor: Actor; readonly scopes: readonly TokenScope[] } | undefined> {
  const at = store.now();
  const hash = hashSecret(secret);
  const row = await store.db
    .selectFrom(kind)
    .innerJoin('persons', 'persons.email', `${kind}.person`)
    .select((eb) => [
      'persons.email',
      kind === 'tokens'
        ? eb.ref('tokens.scopes').as('scopes')
        : sql<readonly TokenScope[]>`'["all"]'::jsonb`.as('scopes'),
      jsonArrayFrom(
        eb.selectFrom('roles').select(['roles.role', 'roles.site']).whereRef('roles.person', '=', 'persons.email'),
      ).as('roles'),
    ])
    .where(`${kind}.hash`, '=', hash)
    .where(`${kind}.expires_at`, '>', at)
    .where('persons.enabled', '=', true)
    .where('persons.email', 'not in', (eb) => eb.selectFrom('stopped_persons').select('stopped_persons.person'))
    .executeTakeFirst();
  if (row === undefined) return undefined;
  await noteUse(store.db, kind, hash, at);
  const roles: RoleAt[] = row.roles;
  return { actor: { principal: principalOf(row.email), email: row.email, roles }, scopes: row.scopes };
}

/** To the minute: a program that asks often does not cause a write each time. */
async function noteUse(db: Db, kind: 'tokens' | 'sessions', hash: string, at: Date): Promise<void> {
  await db
    .updateTable(kind)
    .set({ last_used_at: at })
    .where('hash', '=', hash)
    .where((eb) => eb.or([eb('last_used_at', 'is', null), eb('last_used_at', '<', new Date(at.getTime() - MINUTE_MS))]))
    .execute();
}
