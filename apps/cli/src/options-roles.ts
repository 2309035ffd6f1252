import type { RoleAt } from '@planetlab/contract';
import { Role, SiteName } from '@planetlab/model';
import { InvalidArgumentError } from 'commander';

/** `pi@princeton`, or `admin`, which has no site. */
export function oneRole(text: string): RoleAt {
  const [roleText = '', siteText] = text.split('@', 2);
  const role = Role.safeParse(roleText);
  if (!role.success) throw new InvalidArgumentError('A role is admin, pi, user or tech.');
  if (siteText === undefined) {
    if (role.data !== 'admin') throw new InvalidArgumentError(`Say at which site, as in ${role.data}@princeton.`);
    return { role: role.data, site: null };
  }
  const site = SiteName.safeParse(siteText);
  if (!site.success) throw new InvalidArgumentError(`${JSON.stringify(siteText)} is not the name of a site.`);
  return { role: role.data, site: site.data };
}

/** Collects an option that may be given several times. */
export const roles = (text: string, before: readonly RoleAt[] = []): RoleAt[] => [...before, oneRole(text)];
