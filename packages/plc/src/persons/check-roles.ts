import type { RoleAt } from '@planetlab/contract';
import { PlanetLabError } from '@planetlab/model';
import { getSite } from '../sites/store.ts';
import type { Db } from '../store/schema.ts';

/** `admin` has no site, every other role has one that exists. Throws `malformed_request`, `unknown_site`. */
export async function checkRoles(db: Db, roles: readonly RoleAt[]): Promise<void> {
  checkForm(roles);
  for (const { site } of roles) if (site !== null) await getSite(db, site);
}

/** What can be said without looking: done before it is asked whether somebody may give them. */
export function checkForm(roles: readonly RoleAt[]): void {
  const wrong = roles.find(({ role, site }) => (role === 'admin') !== (site === null));
  if (wrong === undefined) return;
  throw new PlanetLabError(
    'malformed_request',
    wrong.role === 'admin'
      ? 'The role admin holds for the whole authority: give it with the site null.'
      : `The role ${wrong.role} holds at a site: name the site.`,
  );
}
