import type { Key, Person, RoleAt } from '@planetlab/contract';
import { type PersonEmail, PlanetLabError, type Principal } from '@planetlab/model';
import { type Selectable, sql } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import type { Actor } from '../access/rules.ts';
import { isAdmin, sitesOf } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { orAlreadyExists } from '../store/database.ts';
import { type Paging, parseTimeCursor } from '../store/page.ts';
import type { Db, KeyTable, PersonTable, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import type { ParsedSshKey } from './ssh-key.ts';

const select = (db: Db | Trx) =>
  db
    .selectFrom('persons')
    .selectAll('persons')
    .select((eb) =>
      jsonArrayFrom(
        eb
          .selectFrom('roles')
          .select(['roles.role', 'roles.site'])
          .whereRef('roles.person', '=', 'persons.email')
          .orderBy('roles.site')
          .orderBy('roles.role'),
      ).as('roles'),
    );

const toPerson = (row: Selectable<PersonTable> & { roles: RoleAt[] }): Person => ({
  email: row.email,
  name: row.name,
  enabled: row.enabled,
  roles: row.roles,
  createdAt: row.created_at.toISOString(),
});

const toKey = (row: Selectable<KeyTable>): Key => ({
  fingerprint: row.fingerprint,
  person: row.person,
  key: row.key,
  addedAt: row.added_at.toISOString(),
});

/** Throws `unknown_person`. */
export async function getPerson(db: Db | Trx, email: PersonEmail): Promise<Person> {
  const row = await select(db).where('email', '=', email).executeTakeFirst();
  if (row !== undefined) return toPerson(row);
  throw new PlanetLabError(
    'unknown_person',
    `There is no person ${email} here. A PI of their site or an admin can register them.`,
  );
}

/** Those the actor may see: all for admins, else oneself and the people of one's sites. */
export async function listPersons(db: Db, actor: Actor, limit: number, after = ''): Promise<Person[]> {
  let query = select(db).where('email', '>', after as PersonEmail); // a cursor, only compared
  if (!isAdmin(actor)) {
    const sites = sitesOf(actor);
    query = query.where((eb) =>
      eb.or([
        eb('email', '=', actor.email),
        eb('email', 'in', eb.selectFrom('roles').select('roles.person').where('roles.site', 'in', orNothing(sites))),
      ]),
    );
  }
  return (await query.orderBy('email').limit(limit).execute()).map(toPerson);
}

/** SQL has no empty list. */
export const orNothing = <T extends string>(values: readonly T[]): readonly T[] =>
  values.length === 0 ? ['' as T] : values;

export interface NewPersonInput {
  readonly email: PersonEmail;
  readonly name: string;
  readonly roles: readonly RoleAt[];
}

export async function createPerson(store: Store, actor: Principal, input: NewPersonInput): Promise<Person> {
  const at = store.now();
  const insert = store.db.transaction().execute(async (trx) => {
    await trx.insertInto('persons').values({ email: input.email, name: input.name, created_at: at }).execute();
    const roles = input.roles.map(({ role, site }) => ({ person: input.email, role, site }));
    if (roles.length > 0)
      await trx
        .insertInto('roles')
        .values(roles)
        .onConflict((c) => c.doNothing())
        .execute();
    const person = await getPerson(trx, input.email);
    const change = { type: 'person', name: input.email } as const;
    await record(trx, { at, actor, kind: 'person.created', subject: input.email, after: person }, change);
    return person;
  });
  return orAlreadyExists(insert, `There is a person ${input.email} already.`);
}

/** Oldest first. */
export async function listKeys(db: Db, person: PersonEmail, { limit, after }: Paging): Promise<Key[]> {
  let query = db.selectFrom('keys').selectAll().where('person', '=', person);
  if (after !== undefined) {
    const { at, id } = parseTimeCursor(after);
    query = query.where(sql<boolean>`(added_at, fingerprint) > (${at}, ${id})`);
  }
  return (await query.orderBy('added_at').orderBy('fingerprint').limit(limit).execute()).map(toKey);
}

const MAX_KEYS_PER_PERSON = 50;

export async function addKey(store: Store, actor: Principal, person: PersonEmail, key: ParsedSshKey): Promise<Key> {
  const at = store.now();
  const insert = store.db.transaction().execute(async (trx) => {
    await getPerson(trx, person);
    const { count } = await trx
      .selectFrom('keys')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('person', '=', person)
      .executeTakeFirstOrThrow();
    if (Number(count) >= MAX_KEYS_PER_PERSON) {
      throw new PlanetLabError(
        'quota_exceeded',
        `${person} has ${count} keys, the most there can be. Remove one first.`,
      );
    }
    const row = { fingerprint: key.fingerprint, person, key: key.line, added_at: at };
    await trx.insertInto('keys').values(row).execute();
    const after = { fingerprint: key.fingerprint, person };
    const change = { type: 'person', name: person } as const;
    await record(trx, { at, actor, kind: 'key.added', subject: person, after }, change);
    return toKey(row);
  });
  // One key leads to one person: a login is attributed by it.
  return orAlreadyExists(
    insert,
    `The key ${key.fingerprint} is registered already. If it is yours but under another name, ask an admin to remove it there.`,
  );
}

export async function deleteKey(
  store: Store,
  actor: Principal,
  person: PersonEmail,
  fingerprint: string,
): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const gone = await trx
      .deleteFrom('keys')
      .where('person', '=', person)
      .where('fingerprint', '=', fingerprint)
      .returning(['fingerprint', 'person'])
      .executeTakeFirst();
    if (gone === undefined) {
      throw new PlanetLabError(
        'unknown_key',
        `${person} has no key ${fingerprint}. List their keys to see which there are.`,
      );
    }
    const change = { type: 'person', name: person } as const;
    await record(trx, { at, actor, kind: 'key.removed', subject: person, before: gone }, change);
  });
}
