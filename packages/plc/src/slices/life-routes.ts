import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { isAdmin, mayAddToSlice, mayChangeSlice, mayManageNodes, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import type { Store } from '../store/store.ts';
import { attribute, sitesOfNode } from './attribution.ts';
import { describeSlice, resumeSlice, suspendSlice } from './change.ts';
import { changeSentence } from './routes.ts';
import { requireAlive } from './rules.ts';
import { getSlice } from './store.ts';

export function serveSliceLife(app: App, serve: ServePerson, store: Store): void {
  const { db } = store;
  serve(app, plcRoutes.changeSlice, async (actor, { params, body }) => {
    const slice = await getSlice(db, params.slice, store.now());
    requireAllowed(mayChangeSlice(actor, slice), changeSentence(slice));
    requireAllowed(
      body.maxNodes === undefined || mayAddToSlice(actor, slice),
      `Only the PIs of the site "${slice.site}" and admins may change how many nodes ${slice.name} may be put on.`,
    );
    requireAlive(slice, store.now().getTime());
    return describeSlice(store, actor.principal, slice.name, body);
  });
  serve(app, plcRoutes.suspendSlice, async (actor, { params, body }) => {
    const slice = await getSlice(db, params.slice, store.now());
    requireAllowed(mayAddToSlice(actor, slice), suspendSentence(slice));
    return suspendSlice(store, actor.principal, slice.name, body.reason);
  });
  serve(app, plcRoutes.resumeSlice, async (actor, { params }) => {
    const slice = await getSlice(db, params.slice, store.now());
    requireAllowed(mayAddToSlice(actor, slice), suspendSentence(slice));
    const suspension = slice.suspensions.find(({ cause }) => cause === 'people');
    requireAllowed(
      suspension === undefined || isAdmin(actor) || suspension.by === actor.principal,
      `${suspension?.by} has suspended ${slice.name}. They or an admin can let it run again.`,
    );
    return resumeSlice(store, actor.principal, slice.name);
  });
  serve(app, plcRoutes.attribute, async (actor, { query }) => {
    const sites = await sitesOfNode(db, query.node);
    const own = sites.filter((site) => mayManageNodes(actor, site));
    requireAllowed(
      own.length > 0,
      `Only the PIs and techs of the site of "${query.node}" and admins may ask whose traffic it was.`,
    );
    return { items: await attribute(db, query, own) };
  });
}

const suspendSentence = ({ name, site }: { readonly name: string; readonly site: string }): string =>
  `Only the PIs of the site "${site}" and admins may suspend the slice ${name} and let it run again.`;
