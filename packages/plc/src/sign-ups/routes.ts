import { plcRoutes } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import { mayDecide } from '../access/people-rules.ts';
import { type Actor, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import type { Limiter } from '../sessions/limiter.ts';
import { listSites } from '../sites/store.ts';
import { pageOf } from '../store/page.ts';
import {
  approveRequest,
  listRequests,
  type RequestKey,
  rejectRequest,
  requestCursor,
  requestRole,
} from './requests.ts';
import { confirmSignUp, type SignUps, signUp } from './store.ts';

export interface SignUpRoutesOptions extends SignUps {
  readonly limitSignIn: Limiter;
}

export function serveSignUps(app: App, serve: ServePerson, options: SignUpRoutesOptions): void {
  const { store, limitSignIn, publicUrl } = options;
  servePublic(app, plcRoutes.listSignUpSites, async ({ query }) => {
    const sites = await listSites(store.db, query.limit + 1, query.after);
    return pageOf(
      sites.map(({ name, title }) => ({ name, title })),
      query.limit,
      (site) => site.name,
    );
  });
  servePublic(app, plcRoutes.signUp, async ({ body }, { request }) => {
    await limitSignIn(request);
    await signUp(options, body);
  });
  servePublic(app, plcRoutes.confirmSignUp, async ({ body }, { request }) => {
    await limitSignIn(request);
    return confirmSignUp(options, body.code, body.password);
  });

  serve(app, plcRoutes.requestRole, (actor, { body }) => requestRole(store, actor, body, publicUrl()));
  serve(app, plcRoutes.listRoleRequests, async (actor, { query }) => {
    const requests = await listRequests(store.db, actor, query.limit + 1, query.after);
    return pageOf(requests, query.limit, requestCursor);
  });
  serve(app, plcRoutes.approveRoleRequest, async (actor, { params }) => {
    requireDecider(actor, params);
    return approveRequest(store, actor, params, publicUrl());
  });
  serve(app, plcRoutes.rejectRoleRequest, async (actor, { params }) => {
    if (actor.email !== params.person) requireDecider(actor, params);
    await rejectRequest(store, actor, params);
  });
}

function requireDecider(actor: Actor, { role, site }: RequestKey): void {
  requireAllowed(
    mayDecide(actor, { role, site }),
    role === 'pi' ? 'Only admins decide who is a PI.' : `Only PIs of ${site} and admins decide who is ${role} there.`,
  );
}
