import { randomUUID } from 'node:crypto';
import type { Invitation, Person, RoleAt } from '@planetlab/contract';
import { hashSecret } from '@planetlab/credentials';
import { formatDuration, type PersonEmail, PlanetLabError, type SiteName, WEEK_MS } from '@planetlab/model';
import { type Selectable, sql } from 'kysely';
import { type Actor, isAdmin, mayGiveRoles } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { letterTo } from '../mail/letter.ts';
import type { PasswordHasher } from '../passwords/hash.ts';
import { linkInvalid } from '../passwords/store.ts';
import { insertRole, roleText } from '../persons/roles.ts';
import { getPerson } from '../persons/store.ts';
import { newCode } from '../sessions/secrets.ts';
import { principalOf } from '../sessions/store.ts';
import { orAlreadyExists } from '../store/database.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { InvitationTable } from '../store/schema-people.ts';
import type { Store } from '../store/store.ts';

export interface Invitations {
  readonly store: Store;
  readonly hasher: PasswordHasher;
  readonly publicUrl: () => string;
}

const INVITATION_MS = WEEK_MS;
const MOST_OPEN_PER_PERSON = 500;

const toInvitation = (row: Selectable<InvitationTable>): Invitation => ({
  id: row.id,
  email: row.email,
  name: row.name,
  roles: [...row.roles],
  invitedBy: row.invited_by,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
});

/** An earlier invitation of the same address by the same person stops working. Throws `already_exists`. */
export async function invite(
  of: Invitations,
  actor: Actor,
  input: { readonly email: PersonEmail; readonly name: string; readonly roles: readonly RoleAt[] },
): Promise<Invitation> {
  const { store, publicUrl } = of;
  const { email, name, roles } = input;
  const at = store.now();
  const { code, hash } = newCode();
  const expires = new Date(at.getTime() + INVITATION_MS);
  const row = { id: randomUUID(), hash, email, name, invited_by: actor.email, created_at: at, expires_at: expires };
  return store.db.transaction().execute(async (trx) => {
    await requireNew(trx, actor, email);
    await trx.deleteFrom('invitations').where('email', '=', email).where('invited_by', '=', actor.email).execute();
    await trx
      .insertInto('invitations')
      .values({ ...row, roles: JSON.stringify(roles) })
      .execute();
    const after = { id: row.id, name, roles, expiresAt: expires };
    const entry = { at, actor: actor.principal, kind: 'person.invited', subject: email, ...oneSite(roles), after };
    await record(trx, entry);
    await letterTo(trx, at, email, 'person.invited', 'You are invited to PlanetLab', [
      `${actor.email} invites you to be ${roles.map(roleText).join(', ')}.`,
      `To accept, open this link within ${formatDuration(INVITATION_MS)} and choose a password. It works once.`,
      `${publicUrl()}/invitation#${code}`,
    ]);
    return toInvitation({ ...row, roles });
  });
}

async function requireNew(trx: Trx, actor: Actor, email: PersonEmail): Promise<void> {
  const person = await trx.selectFrom('persons').select('email').where('email', '=', email).executeTakeFirst();
  if (person !== undefined) {
    throw new PlanetLabError(
      'already_exists',
      `${email} has an account. Give them the role: pl person give-role ${email} ROLE@SITE`,
    );
  }
  const { count } = await trx
    .selectFrom('invitations')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('invited_by', '=', actor.email)
    .executeTakeFirstOrThrow();
  if (Number(count) < MOST_OPEN_PER_PERSON) return;
  throw new PlanetLabError(
    'too_many_requests',
    `${count} of your invitations were not accepted yet, the most there can be. Withdraw some first.`,
  );
}

function oneSite(roles: readonly RoleAt[]): { readonly site?: SiteName } {
  const [site] = new Set(roles.map((role) => role.site));
  return site === null || site === undefined ? {} : { site };
}

/** Those that still work: all for admins; for others their own, and those to sites where they are PI. */
export async function listInvitations(db: Db, actor: Actor, at: Date, limit: number, after?: string) {
  let query = db.selectFrom('invitations').selectAll().where('expires_at', '>', at);
  if (after !== undefined) query = query.where(sql<string>`id::text`, '>', after);
  if (!isAdmin(actor)) {
    const sites = actor.roles.flatMap(({ role, site }) => (role === 'pi' && site !== null ? [{ site }] : []));
    query = query.where((eb) =>
      eb.or([
        eb('invited_by', '=', actor.email),
        ...sites.map((site) => sql<boolean>`roles @> ${JSON.stringify([site])}::jsonb`),
      ]),
    );
  }
  return (await query.orderBy('id').limit(limit).execute()).map(toInvitation);
}

/** By who made it, or could have. Throws `unknown_invitation`, for invitations that are not the actor's business too. */
export async function withdraw(store: Store, actor: Actor, id: string): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const row = await trx.selectFrom('invitations').selectAll().where('id', '=', id).forUpdate().executeTakeFirst();
    if (row === undefined || (row.invited_by !== actor.email && !mayGiveRoles(actor, row.roles))) {
      throw new PlanetLabError('unknown_invitation', 'There is no such invitation. It may have been accepted already.');
    }
    await trx.deleteFrom('invitations').where('id', '=', id).execute();
    const before = { id, roles: row.roles };
    const entry = { at, actor: actor.principal, kind: 'invitation.withdrawn', subject: row.email, before };
    await record(trx, { ...entry, ...oneSite(row.roles) });
  });
}

/** Throws `mail_link_invalid`, also when who invited may not give these roles any more. */
export async function accept(of: Invitations, code: string, password: string): Promise<Person> {
  const { store, hasher } = of;
  const at = store.now();
  const hash = hashSecret(code);
  const known = store.db.selectFrom('invitations').select('id').where('hash', '=', hash).where('expires_at', '>', at);
  if ((await known.executeTakeFirst()) === undefined) throw linkInvalid();
  const passwordHash = await hasher.hash(password);
  const insert = store.db.transaction().execute(async (trx) => {
    const used = trx.deleteFrom('invitations').where('hash', '=', hash).where('expires_at', '>', at);
    const row = await used.returningAll().executeTakeFirst();
    if (row === undefined || !(await stillMayInvite(trx, row))) throw linkInvalid();
    const { email, name, roles } = row;
    await trx.insertInto('persons').values({ email, name, created_at: at, password: passwordHash }).execute();
    for (const role of roles) await insertRole(trx, email, role);
    await trx.deleteFrom('invitations').where('email', '=', email).execute();
    await trx.deleteFrom('sign_ups').where('email', '=', email).execute();
    const after = { email, name, roles, invitedBy: row.invited_by };
    const entry = { at, actor: principalOf(email), kind: 'person.created', subject: email, ...oneSite(roles), after };
    await record(trx, entry, { type: 'person', name: email });
    await letterTo(trx, at, row.invited_by, 'invitation.accepted', `${name} has accepted your invitation`, [
      `${name} <${email}> is now ${roles.map(roleText).join(', ')}.`,
    ]);
    return getPerson(trx, email);
  });
  return orAlreadyExists(insert, 'There is an account with this mail address already. Sign in instead.');
}

async function stillMayInvite(trx: Trx, row: Selectable<InvitationTable>): Promise<boolean> {
  const inviter = await getPerson(trx, row.invited_by);
  const actor = { principal: principalOf(inviter.email), email: inviter.email, roles: inviter.roles };
  return inviter.enabled && mayGiveRoles(actor, row.roles);
}
