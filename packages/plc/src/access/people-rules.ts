import type { RoleAt } from '@planetlab/contract';
import type { PersonEmail } from '@planetlab/model';
import { type Actor, hasRoleAt, isAdmin, mayGiveRoles } from './rules.ts';

/** What the rules need to know of a person. */
export interface PersonRelation {
  readonly email: PersonEmail;
  readonly roles: readonly RoleAt[];
}

/** Giving and refusing a role that somebody asked for is as giving it unasked. */
export const mayDecide = (actor: Actor, role: RoleAt): boolean => mayGiveRoles(actor, [role]);

/** Who may give a role may take it; anybody gives up their own. */
export const mayTakeRole = (actor: Actor, person: PersonEmail, role: RoleAt): boolean =>
  mayDecide(actor, role) || actor.email === person;

/**
 * Enable, disable, remove: what is about the whole account. A PI manages people who have roles at the PI's own sites only,
 * none of them PI or admin (FACTS); of somebody who is at other sites too, the PI takes the role at the own site.
 */
export const mayManagePerson = (actor: Actor, person: PersonRelation): boolean =>
  isAdmin(actor) ||
  (person.roles.length > 0 &&
    person.roles.every(
      ({ role, site }) => (role === 'user' || role === 'tech') && site !== null && hasRoleAt(actor, site, 'pi'),
    ));

export const mayRemovePerson = (actor: Actor, person: PersonRelation): boolean =>
  mayManagePerson(actor, person) || actor.email === person.email;
