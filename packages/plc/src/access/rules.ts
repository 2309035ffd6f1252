import type { RoleAt } from '@planetlab/contract';
import { type PersonEmail, PlanetLabError, type Principal, type Role, type SiteName } from '@planetlab/model';

/** Who asks: a person who is signed in. */
export interface Actor {
  readonly principal: Principal;
  readonly email: PersonEmail;
  readonly roles: readonly RoleAt[];
}

/** What the rules need to know of a slice. */
export interface SliceRelation {
  readonly site: SiteName;
  readonly persons: readonly PersonEmail[];
}

// Relations: each a plain question about the actor and one thing.
export const isAdmin = (actor: Actor): boolean => actor.roles.some(({ role }) => role === 'admin');
export const hasRoleAt = (actor: Actor, site: SiteName, ...roles: readonly Role[]): boolean =>
  actor.roles.some((held) => held.site === site && (roles.length === 0 || roles.includes(held.role)));
export const isPiOf = (actor: Actor, site: SiteName): boolean => hasRoleAt(actor, site, 'pi');
export const isMemberOf = (actor: Actor, slice: SliceRelation): boolean => slice.persons.includes(actor.email);
export const sitesOf = (actor: Actor): readonly SiteName[] =>
  actor.roles.flatMap(({ site }) => (site === null ? [] : [site]));
const isSelf = (actor: Actor, person: PersonEmail): boolean => actor.email === person;

// What they allow (FACTS: a PI manages non-PI, non-admin people of own sites).
export const mayRegisterSite = (actor: Actor): boolean => isAdmin(actor);
export const mayGiveRoles = (actor: Actor, roles: readonly RoleAt[]): boolean =>
  isAdmin(actor) ||
  (roles.length > 0 &&
    roles.every(
      ({ role, site }) => (role === 'user' || role === 'tech') && site !== null && hasRoleAt(actor, site, 'pi'),
    ));
export const maySeePerson = (actor: Actor, person: PersonEmail, roles: readonly RoleAt[]): boolean =>
  isAdmin(actor) || isSelf(actor, person) || roles.some(({ site }) => site !== null && hasRoleAt(actor, site));
export const mayChangeKeysOf = (actor: Actor, person: PersonEmail): boolean => isAdmin(actor) || isSelf(actor, person);
export const mayManageNodes = (actor: Actor, site: SiteName): boolean =>
  isAdmin(actor) || hasRoleAt(actor, site, 'pi', 'tech');
export const mayCreateSlice = (actor: Actor, site: SiteName): boolean =>
  isAdmin(actor) || hasRoleAt(actor, site, 'pi', 'user');
export const maySeeSlice = (actor: Actor, slice: SliceRelation): boolean =>
  isAdmin(actor) || isMemberOf(actor, slice) || hasRoleAt(actor, slice.site);
export const mayChangeSlice = (actor: Actor, slice: SliceRelation): boolean =>
  isAdmin(actor) || isMemberOf(actor, slice) || isPiOf(actor, slice.site);
export const mayAddToSlice = (actor: Actor, slice: SliceRelation): boolean =>
  isAdmin(actor) || isPiOf(actor, slice.site);
export const mayRemoveFromSlice = (actor: Actor, slice: SliceRelation, person: PersonEmail): boolean =>
  mayAddToSlice(actor, slice) || isSelf(actor, person);
export const mayRunIn = (actor: Actor, slice: SliceRelation): boolean => isAdmin(actor) || isMemberOf(actor, slice);

/** Throws `forbidden`. The sentence says who could do it. */
export function requireAllowed(allowed: boolean, sentence: string): void {
  if (!allowed) throw new PlanetLabError('forbidden', sentence);
}
