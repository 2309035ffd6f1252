import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import type { PersonEmail } from '@planetlab/model';
import { mayDecide, mayManagePerson, mayRemovePerson, mayTakeRole } from '../access/people-rules.ts';
import { type Actor, isAdmin, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import type { Store } from '../store/store.ts';
import { checkForm, checkRoles } from './check-roles.ts';
import { removePerson } from './leave.ts';
import { changeEnabled, giveRole, takeRole } from './roles.ts';
import { getPerson } from './store.ts';

const GIVERS = 'Admins give any role; a PI gives the roles user and tech at the PI’s own site.';

/** Roles given and taken, people enabled, disabled and removed. */
export function servePersonManagement(app: App, serve: ServePerson, store: Store): void {
  serve(app, plcRoutes.giveRole, async (actor, { params, query }) => {
    const role = { role: params.role, site: query.site ?? null };
    checkForm([role]);
    requireAllowed(mayDecide(actor, role), GIVERS);
    await checkRoles(store.db, [role]);
    return giveRole(store, actor, params.person, role);
  });
  serve(app, plcRoutes.takeRole, async (actor, { params, query }) => {
    const role = { role: params.role, site: query.site ?? null };
    checkForm([role]);
    requireAllowed(
      mayTakeRole(actor, params.person, role),
      `${GIVERS} The same take it, and everybody gives up their own.`,
    );
    return takeRole(store, actor, params.person, role);
  });
  serve(app, plcRoutes.changeEnabled, async (actor, { params, body }) => {
    await requireRelation(actor, params.person, mayManagePerson, 'enable and disable people');
    return changeEnabled(store, actor, params.person, body.enabled);
  });
  serve(app, plcRoutes.removePerson, async (actor, { params, query }) => {
    await requireRelation(actor, params.person, mayRemovePerson, 'remove people; everybody may leave by themselves');
    await removePerson(store, actor, params.person, query.handTo);
  });

  /** Whether somebody has an account here is told only to those who may manage them. */
  async function requireRelation(actor: Actor, email: PersonEmail, rule: typeof mayManagePerson, what: string) {
    const sentence = `Admins, and PIs for users and techs of the PI’s own sites only, ${what}.`;
    const person = await getPerson(store.db, email).catch((error) => {
      requireAllowed(isAdmin(actor), sentence);
      throw error;
    });
    requireAllowed(rule(actor, person), sentence);
  }
}
