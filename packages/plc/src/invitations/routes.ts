import { plcRoutes } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import { mayGiveRoles, requireAllowed } from '../access/rules.ts';
import { checkRoles } from '../persons/check-roles.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import type { Limiter } from '../sessions/limiter.ts';
import { pageOf } from '../store/page.ts';
import { accept, type Invitations, invite, listInvitations, withdraw } from './store.ts';

export function serveInvitations(
  app: App,
  serve: ServePerson,
  options: Invitations & { readonly limitSignIn: Limiter },
): void {
  const { store } = options;
  serve(app, plcRoutes.invitePerson, async (actor, { body }) => {
    requireAllowed(
      mayGiveRoles(actor, body.roles),
      'Admins invite anyone; a PI invites people with the roles user and tech to the PI’s own site.',
    );
    await checkRoles(store.db, body.roles);
    return invite(options, actor, body);
  });
  serve(app, plcRoutes.listInvitations, async (actor, { query }) => {
    const invitations = await listInvitations(store.db, actor, store.now(), query.limit + 1, query.after);
    return pageOf(invitations, query.limit, ({ id }) => id);
  });
  serve(app, plcRoutes.withdrawInvitation, (actor, { params }) => withdraw(store, actor, params.invitation));
  servePublic(app, plcRoutes.acceptInvitation, async ({ body }, { request }) => {
    await options.limitSignIn(request);
    return accept(options, body.code, body.password);
  });
}
