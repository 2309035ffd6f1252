import type { Person, RoleAt } from '@planetlab/contract';
import type { Field, View } from './printer.ts';
import { relativeTime } from './times.ts';

/** "pi at princeton", or "admin". */
export const roleText = ({ role, site }: RoleAt): string => (site === null ? role : `${role} at ${site}`);

/** "pi at princeton, user at eth", "admin", or "no role". */
export const rolesText = (person: Person): string => person.roles.map(roleText).join(', ') || 'no role';

export const personFields = (person: Person, view: View): readonly Field[] => [
  ['Person', person.email],
  ['Name', person.name],
  ['Roles', rolesText(person)],
  ['Account', person.enabled ? { text: 'enabled', color: 'green' } : { text: 'disabled', color: 'red' }],
  ['Registered', relativeTime(person.createdAt, view.nowMs)],
];
