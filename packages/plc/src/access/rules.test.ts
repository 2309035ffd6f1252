import { PersonEmail, Principal, type Role, SiteName } from '@planetlab/model';
import { expect, it } from 'vitest';
import * as rules from './rules.ts';

const home = SiteName.parse('home');
const away = SiteName.parse('away');
const email = PersonEmail.parse('ada@example.org');
const other = PersonEmail.parse('bob@example.org');
const actor = (role?: Role): rules.Actor => ({
  principal: Principal.parse(`person:${email}`),
  email,
  roles: role === undefined ? [] : [{ role, site: role === 'admin' ? null : home }],
});
const slice = { site: home, persons: [other] };
const foreign = { site: away, persons: [other] };
const own = { site: away, persons: [email] };

/** Which of the roles, and a person without any, are allowed. */
const allowed = (rule: (who: rules.Actor) => boolean): string[] =>
  (['admin', 'pi', 'user', 'tech', undefined] as const)
    .filter((role) => rule(actor(role)))
    .map((role) => role ?? 'nobody');

it.each<[string, (who: rules.Actor) => boolean, string[]]>([
  ['register a site', rules.mayRegisterSite, ['admin']],
  ['make a user at the own site', (who) => rules.mayGiveRoles(who, [{ role: 'user', site: home }]), ['admin', 'pi']],
  ['make a PI at the own site', (who) => rules.mayGiveRoles(who, [{ role: 'pi', site: home }]), ['admin']],
  ['make a user elsewhere', (who) => rules.mayGiveRoles(who, [{ role: 'user', site: away }]), ['admin']],
  ['make a person without roles', (who) => rules.mayGiveRoles(who, []), ['admin']],
  ['manage nodes of the own site', (who) => rules.mayManageNodes(who, home), ['admin', 'pi', 'tech']],
  ['manage nodes elsewhere', (who) => rules.mayManageNodes(who, away), ['admin']],
  ['create slices at the own site', (who) => rules.mayCreateSlice(who, home), ['admin', 'pi', 'user']],
  ['see slices of the own site', (who) => rules.maySeeSlice(who, slice), ['admin', 'pi', 'user', 'tech']],
  ['see foreign slices', (who) => rules.maySeeSlice(who, foreign), ['admin']],
  ['change slices of the own site', (who) => rules.mayChangeSlice(who, slice), ['admin', 'pi']],
  ['change slices one is in', (who) => rules.mayChangeSlice(who, own), ['admin', 'pi', 'user', 'tech', 'nobody']],
  ['add people to a slice of the own site', (who) => rules.mayAddToSlice(who, slice), ['admin', 'pi']],
  ['add people to a slice one is in elsewhere', (who) => rules.mayAddToSlice(who, own), ['admin']],
  ['take others off a slice', (who) => rules.mayRemoveFromSlice(who, slice, other), ['admin', 'pi']],
  ['take oneself off', (who) => rules.mayRemoveFromSlice(who, own, email), ['admin', 'pi', 'user', 'tech', 'nobody']],
  ['run programs in a slice one is not in', (who) => rules.mayRunIn(who, slice), ['admin']],
  ['change keys of others', (who) => rules.mayChangeKeysOf(who, other), ['admin']],
])('to %s is for those whose business it is', (_what, rule, who) => {
  expect(allowed(rule)).toEqual(who);
});

it('says who could do what somebody may not', () => {
  expect(() => rules.requireAllowed(false, 'Only admins may.')).toThrowError(
    expect.objectContaining({ code: 'forbidden', message: 'Only admins may.' }),
  );
  rules.requireAllowed(true, '');
});
