import type { Person, RoleAt } from '@planetlab/contract';

export const roleText = ({ role, site }: RoleAt): string => (site === null ? role : `${role} at ${site}`);
export const rolesText = ({ roles }: Pick<Person, 'roles'>): string => roles.map(roleText).join(', ') || 'no role';
export const isAdmin = ({ roles }: Pick<Person, 'roles'>): boolean => roles.some(({ role }) => role === 'admin');
const isPiOf = ({ roles }: Pick<Person, 'roles'>, site: string | null): boolean =>
  roles.some((held) => held.role === 'pi' && held.site === site);

/** Roles that somebody may give and take: what is offered. The PLC decides by the same rules. */
export function givableRoles(person: Person, sites: readonly string[]): RoleAt[] {
  const own = isAdmin(person) ? sites : sites.filter((site) => isPiOf(person, site));
  const roles = isAdmin(person) ? (['user', 'tech', 'pi'] as const) : (['user', 'tech'] as const);
  const atSites = own.flatMap((site) => roles.map((role) => ({ role, site: site as RoleAt['site'] }))); // as the PLC named them
  return isAdmin(person) ? [...atSites, { role: 'admin', site: null }] : atSites;
}

export const mayGive = (person: Person, { role, site }: RoleAt): boolean =>
  isAdmin(person) || ((role === 'user' || role === 'tech') && isPiOf(person, site));

/** Who is of the actor's own sites only, and neither PI nor admin (or anybody, for admins). */
export const mayManage = (actor: Person, person: Pick<Person, 'roles'>): boolean =>
  isAdmin(actor) || (person.roles.length > 0 && person.roles.every((role) => mayGive(actor, role)));

/** `user@princeton`, as forms hold it. */
export const roleKey = ({ role, site }: RoleAt): string => (site === null ? role : `${role}@${site}`);
