import type { Person, RoleAt } from '@planetlab/contract';
import { type PersonEmail, PlanetLabError } from '@planetlab/model';
import { sql } from 'kysely';
import type { Actor } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { letterTo } from '../mail/letter.ts';
import { endSessionsOf } from '../sessions/sessions.ts';
import type { Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { getPerson } from './store.ts';

/** `user at princeton`, or `admin`. */
export const roleText = ({ role, site }: RoleAt): string => (site === null ? role : `${role} at ${site}`);

/** In a transaction of its caller. True when the person did not have it. */
export async function insertRole(trx: Trx, person: PersonEmail, { role, site }: RoleAt): Promise<boolean> {
  const added = await trx
    .insertInto('roles')
    .values({ person, role, site })
    .onConflict((conflict) => conflict.doNothing())
    .returning('role')
    .executeTakeFirst();
  if (added !== undefined && site !== null) {
    await trx
      .deleteFrom('role_requests')
      .where('person', '=', person)
      .where('site', '=', site)
      .where('role', '=', role)
      .execute();
  }
  return added !== undefined;
}

export async function giveRole(store: Store, actor: Actor, email: PersonEmail, role: RoleAt): Promise<Person> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const before = await getPerson(trx, email);
    if (!(await insertRole(trx, email, role))) return before;
    await recordRole(trx, at, actor, 'role.given', email, role);
    await letterTo(trx, at, email, 'role.given', `You are ${roleText(role)} now`, [
      `${actor.email} gave you the role ${roleText(role)}.`,
    ]);
    return getPerson(trx, email);
  });
}

export async function takeRole(store: Store, actor: Actor, email: PersonEmail, role: RoleAt): Promise<Person> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const before = await getPerson(trx, email);
    if (!before.roles.some((held) => held.role === role.role && held.site === role.site)) return before;
    if (role.role === 'admin') await requireAnotherAdmin(trx, email);
    const gone = trx.deleteFrom('roles').where('person', '=', email).where('role', '=', role.role);
    await gone.where('site', 'is not distinct from', role.site).execute();
    await recordRole(trx, at, actor, 'role.taken', email, role);
    if (actor.email !== email) {
      await letterTo(trx, at, email, 'role.taken', `You are not ${roleText(role)} any more`, [
        `${actor.email} took the role ${roleText(role)} from you. Slices that you are in stay yours.`,
      ]);
    }
    return getPerson(trx, email);
  });
}

async function recordRole(trx: Trx, at: Date, actor: Actor, kind: string, email: PersonEmail, role: RoleAt) {
  const site = role.site === null ? {} : { site: role.site };
  const state = kind === 'role.given' ? { after: role } : { before: role };
  const entry = { at, actor: actor.principal, kind, subject: email, ...site, ...state };
  await record(trx, entry, { type: 'person', name: email });
}

/** Who is disabled is signed out everywhere, and their keys stop working on every sliver. */
export async function changeEnabled(store: Store, actor: Actor, email: PersonEmail, enabled: boolean): Promise<Person> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const before = await getPerson(trx, email);
    if (before.enabled === enabled) return before;
    if (!enabled && isAdminPerson(before)) await requireAnotherAdmin(trx, email);
    await trx.updateTable('persons').set({ enabled }).where('email', '=', email).execute();
    if (!enabled) await endSessionsOf(trx, email);
    const kind = enabled ? 'person.enabled' : 'person.disabled';
    const entry = { at, actor: actor.principal, kind, subject: email, ...siteOf(before) };
    await record(trx, entry, { type: 'person', name: email });
    const subject = enabled ? 'Your account is enabled' : 'Your account is disabled';
    await letterTo(trx, at, email, kind, subject, [
      enabled
        ? `${actor.email} enabled your account: you can sign in, and your keys work.`
        : `${actor.email} disabled your account: you cannot sign in, and your keys do not work. Ask them if you think that this is wrong.`,
    ]);
    return getPerson(trx, email);
  });
}

export const isAdminPerson = ({ roles }: Pick<Person, 'roles'>): boolean => roles.some(({ role }) => role === 'admin');

/** Events about a person are for the people of their site, when it is one. */
export function siteOf({ roles }: Pick<Person, 'roles'>) {
  const sites = new Set(roles.map(({ site }) => site));
  const [site] = sites;
  return sites.size === 1 && site !== null && site !== undefined ? { site } : {};
}

/** An authority without an enabled admin could not be helped any more. Throws `conflict`. */
export async function requireAnotherAdmin(trx: Trx, email: PersonEmail): Promise<void> {
  await sql`lock table roles in share row exclusive mode`.execute(trx); // two admins may go at once
  const other = await trx
    .selectFrom('roles')
    .innerJoin('persons', 'persons.email', 'roles.person')
    .select('persons.email')
    .where('roles.role', '=', 'admin')
    .where('persons.enabled', '=', true)
    .where('persons.email', '!=', email)
    .limit(1)
    .executeTakeFirst();
  if (other !== undefined) return;
  throw new PlanetLabError('conflict', `${email} is the only admin. Make somebody else an admin first.`);
}
