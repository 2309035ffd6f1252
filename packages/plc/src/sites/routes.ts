import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { isAdmin, mayManageNodes, mayRegisterSite, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { pageOf } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import { changeSite, createSite, getSite, listSites } from './store.ts';

export function serveSites(app: App, serve: ServePerson, store: Store): void {
  serve(app, plcRoutes.createSite, async (actor, { body }) => {
    requireAllowed(mayRegisterSite(actor), 'Only admins register sites.');
    return createSite(store, actor.principal, body);
  });
  serve(app, plcRoutes.changeSite, async (actor, { params, body }) => {
    const { name } = await getSite(store.db, params.site);
    requireAllowed(
      mayManageNodes(actor, name),
      `Only the PIs and techs of the site "${name}" and admins may change it.`,
    );
    requireAllowed(
      body.maxSlices === undefined || isAdmin(actor),
      'Only admins change how many slices a site may have. Ask one.',
    );
    return changeSite(store, actor.principal, name, body);
  });
  serve(app, plcRoutes.listSites, async (_actor, { query }) => {
    const sites = await listSites(store.db, query.limit + 1, query.after);
    return pageOf(sites, query.limit, (site) => site.name);
  });
  serve(app, plcRoutes.getSite, (_actor, { params }) => getSite(store.db, params.site));
}
