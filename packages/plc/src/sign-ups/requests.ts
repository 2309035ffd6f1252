import type { Person, RoleAt, RoleRequest } from '@planetlab/contract';
import { type PersonEmail, PlanetLabError, type Role, type SiteName } from '@planetlab/model';
import { mayDecide } from '../access/people-rules.ts';
import { type Actor, isAdmin } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { letterTo } from '../mail/letter.ts';
import { queueMail } from '../mail/queue.ts';
import { insertRole, roleText } from '../persons/roles.ts';
import { getPerson, orNothing } from '../persons/store.ts';
import { principalOf } from '../sessions/store.ts';
import { getSite } from '../sites/store.ts';
import { orAlreadyExists } from '../store/database.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

interface NewRequest {
  readonly person: PersonEmail;
  readonly name: string;
  readonly site: SiteName;
  readonly role: Role;
}

/** Which request: a person asks for a role at a site once. */
export type RequestKey = Omit<NewRequest, 'name'>;

/** Writes the request and tells those who decide: PIs of the site, or admins when it has none or the role is theirs to give. */
export async function insertRequest(trx: Trx, at: Date, wanted: NewRequest, publicUrl: string): Promise<void> {
  const { person, name, site, role } = wanted;
  await trx.insertInto('role_requests').values({ person, site, role, requested_at: at }).execute();
  const entry = {
    at,
    actor: principalOf(person),
    kind: 'role.requested',
    subject: person,
    site,
    after: { role, site },
  };
  await record(trx, entry, { type: 'person', name: person });
  await queueMail(trx, at, {
    to: await decidersOf(trx, { role, site }),
    kind: 'role.requested',
    subject: `${name} wants to be ${roleText({ role, site })}`,
    text: `${name} <${person}> asks to be ${roleText({ role, site })}.\n\nDecide it at ${publicUrl}/people, or with: pl person requests\n`,
  });
}

async function decidersOf(trx: Trx, { role, site }: RoleAt): Promise<PersonEmail[]> {
  const enabled = trx
    .selectFrom('roles')
    .innerJoin('persons', 'persons.email', 'roles.person')
    .select('persons.email')
    .where('persons.enabled', '=', true);
  const pis =
    role === 'pi' ? [] : await enabled.where('roles.role', '=', 'pi').where('roles.site', '=', site).execute();
  const deciders = pis.length > 0 ? pis : await enabled.where('roles.role', '=', 'admin').execute();
  return deciders.map(({ email }) => email);
}

export async function requestRole(
  store: Store,
  actor: Actor,
  wanted: { readonly site: SiteName; readonly role: Role },
  publicUrl: string,
): Promise<RoleRequest> {
  const at = store.now();
  await getSite(store.db, wanted.site);
  const text = roleText(wanted);
  if (actor.roles.some(({ role, site }) => role === wanted.role && site === wanted.site)) {
    throw new PlanetLabError('already_exists', `You are ${text} already.`);
  }
  const insert = store.db.transaction().execute(async (trx) => {
    const { name } = await getPerson(trx, actor.email);
    const request = { person: actor.email, name, ...wanted };
    await insertRequest(trx, at, request, publicUrl);
    return { ...request, requestedAt: at.toISOString(), mayDecide: mayDecide(actor, wanted) };
  });
  return orAlreadyExists(insert, `You have asked to be ${text} already. A PI of the site or an admin decides it.`);
}

/** The oldest first; `after` is the cursor of `requestCursor`. */
export async function listRequests(db: Db, actor: Actor, limit: number, after = ''): Promise<RoleRequest[]> {
  let query = db
    .selectFrom('role_requests')
    .innerJoin('persons', 'persons.email', 'role_requests.person')
    .select([
      'role_requests.person',
      'persons.name',
      'role_requests.site',
      'role_requests.role',
      'role_requests.requested_at',
    ]);
  if (!isAdmin(actor)) {
    const sites = actor.roles.flatMap(({ role, site }) => (role === 'pi' && site !== null ? [site] : []));
    query = query.where((eb) =>
      eb.or([eb('role_requests.site', 'in', orNothing(sites)), eb('role_requests.person', '=', actor.email)]),
    );
  }
  if (after !== '') {
    const [person = '', site = '', role = ''] = after.split(' ');
    // a cursor, only compared
    query = query.where(({ eb, refTuple, tuple }) =>
      eb(
        refTuple('role_requests.person', 'role_requests.site', 'role_requests.role'),
        '>',
        tuple(person as PersonEmail, site as SiteName, role as Role),
      ),
    );
  }
  const order = query.orderBy('role_requests.person').orderBy('role_requests.site').orderBy('role_requests.role');
  const rows = await order.limit(limit).execute();
  return rows.map(({ requested_at, ...row }) => ({
    ...row,
    requestedAt: requested_at.toISOString(),
    mayDecide: mayDecide(actor, row),
  }));
}

export const requestCursor = ({ person, site, role }: RequestKey): string => `${person} ${site} ${role}`;

/** Gives the role; a person who was never enabled is so now. Throws `unknown_request`. */
export async function approveRequest(store: Store, actor: Actor, key: RequestKey, publicUrl: string): Promise<Person> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    await takeRequest(trx, key);
    const role = { role: key.role, site: key.site };
    const before = await getPerson(trx, key.person);
    await insertRole(trx, key.person, role);
    const isNew = !before.enabled && before.roles.length === 0;
    if (isNew) await trx.updateTable('persons').set({ enabled: true }).where('email', '=', key.person).execute();
    const change = { type: 'person', name: key.person } as const;
    const common = { at, actor: actor.principal, subject: key.person, site: key.site };
    await record(trx, { ...common, kind: 'role.given', after: role }, change);
    if (isNew) await record(trx, { ...common, kind: 'person.enabled' }, change);
    await letterTo(trx, at, key.person, 'role.given', `You are ${roleText(role)} now`, [
      `${actor.email} has given you the role ${roleText(role)}.`,
      ...(isNew ? [`Your account is enabled. Sign in at ${publicUrl}/sign-in`] : []),
    ]);
    return getPerson(trx, key.person);
  });
}

/** Refuses it, or withdraws one's own. Who never had a role and wants no other is forgotten. Throws `unknown_request`. */
export async function rejectRequest(store: Store, actor: Actor, key: RequestKey): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    await takeRequest(trx, key);
    const before = { role: key.role, site: key.site };
    const person = await getPerson(trx, key.person);
    const change = { type: 'person', name: key.person } as const;
    const common = { at, actor: actor.principal, subject: key.person, site: key.site };
    await record(trx, { ...common, kind: 'role.refused', before }, change);
    const others = await trx.selectFrom('role_requests').select('role').where('person', '=', key.person).execute();
    if (!person.enabled && person.roles.length === 0 && others.length === 0) {
      await trx.deleteFrom('persons').where('email', '=', key.person).execute();
      await record(trx, { ...common, kind: 'person.removed', before: { name: person.name, roles: [] } }, change);
    }
    if (actor.email === key.person) return;
    await letterTo(trx, at, key.person, 'role.refused', `You did not become ${roleText(before)}`, [
      `${actor.email} has refused your request to be ${roleText(before)}. Ask them if you think that this is wrong.`,
    ]);
  });
}

async function takeRequest(trx: Trx, { person, site, role }: RequestKey): Promise<void> {
  const gone = await trx
    .deleteFrom('role_requests')
    .where('person', '=', person)
    .where('site', '=', site)
    .where('role', '=', role)
    .returning('person')
    .executeTakeFirst();
  if (gone !== undefined) return;
  throw new PlanetLabError(
    'unknown_request',
    `${person} does not ask to be ${roleText({ role, site })}, or it was decided already.`,
  );
}
