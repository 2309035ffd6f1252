import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { siteOfSlice } from '@planetlab/model';
import {
  isAdmin,
  mayAddToSlice,
  mayChangeSlice,
  mayCreateSlice,
  mayRemoveFromSlice,
  maySeeSlice,
  requireAllowed,
} from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { getSettings } from '../settings/store.ts';
import { getSite } from '../sites/store.ts';
import { pageOf } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import { checkSliceQuota, renewedEnd, requireAlive } from './rules.ts';
import {
  addPerson,
  changeResources,
  createSlice,
  deleteSlice,
  getSlice,
  listSlices,
  removePerson,
  renewSlice,
} from './store.ts';

export function serveSlices(app: App, serve: ServePerson, store: Store): void {
  const { db } = store;
  serve(app, plcRoutes.createSlice, async (actor, { body }) => {
    const site = siteOfSlice(body.name);
    const found = await getSite(db, site);
    requireAllowed(
      mayCreateSlice(actor, site),
      `Only the PIs and users of the site "${site}" and admins may create slices whose name begins with it.`,
    );
    const others = body.persons.filter((person) => person !== actor.email);
    requireAllowed(
      others.length === 0 || mayAddToSlice(actor, { site, persons: [] }),
      `Only the PIs of the site "${site}" and admins may put other people in a slice. Create it without them and ask a PI.`,
    );
    checkSliceQuota(found, { exempt: isAdmin(actor) });
    return createSlice(store, actor.principal, { ...body, persons: [actor.email, ...body.persons] });
  });
  serve(app, plcRoutes.listSlices, async (actor, { query }) => {
    const slices = await listSlices(db, actor, store.now(), query.limit + 1, query.after);
    return pageOf(slices, query.limit, (slice) => slice.name);
  });
  serve(app, plcRoutes.getSlice, async (actor, { params }) => {
    const slice = await getSlice(db, params.slice, store.now());
    requireAllowed(maySeeSlice(actor, slice), seeSentence(slice));
    return slice;
  });
  serve(app, plcRoutes.renewSlice, async (actor, { params, body }) => {
    const slice = await getSlice(db, params.slice, store.now());
    requireAllowed(mayChangeSlice(actor, slice), changeSentence(slice));
    const settings = await getSettings(db);
    const end = renewedEnd(slice, body.expiresAt, { isAdmin: isAdmin(actor) }, settings, store.now().getTime());
    return renewSlice(store, actor.principal, slice.name, end);
  });
  serve(app, plcRoutes.changeResources, async (actor, { params, body }) => {
    const slice = await getSlice(db, params.slice, store.now());
    requireAllowed(mayChangeSlice(actor, slice), changeSentence(slice));
    requireAlive(slice, store.now().getTime());
    return changeResources(store, actor.principal, slice.name, body);
  });
  serve(app, plcRoutes.addPersonToSlice, async (actor, { params }) => {
    const slice = await getSlice(db, params.slice, store.now());
    requireAllowed(
      mayAddToSlice(actor, slice),
      `Only the PIs of the site "${slice.site}" and admins may add people to the slice ${slice.name}.`,
    );
    return addPerson(store, actor.principal, slice.name, params.person);
  });
  serve(app, plcRoutes.removePersonFromSlice, async (actor, { params }) => {
    const slice = await getSlice(db, params.slice, store.now());
    requireAllowed(
      mayRemoveFromSlice(actor, slice, params.person),
      `Only ${params.person}, the PIs of the site "${slice.site}" and admins may take them off the slice ${slice.name}.`,
    );
    return removePerson(store, actor.principal, slice.name, params.person);
  });
  serve(app, plcRoutes.deleteSlice, async (actor, { params }) => {
    const slice = await getSlice(db, params.slice, store.now());
    requireAllowed(mayChangeSlice(actor, slice), changeSentence(slice));
    await deleteSlice(store, actor.principal, slice.name);
  });
}

type Named = { readonly name: string; readonly site: string };
export const seeSentence = ({ name, site }: Named): string =>
  `Only its own people, people of the site "${site}" and admins may see the slice ${name}.`;
export const changeSentence = ({ name, site }: Named): string =>
  `Only its own people, the PIs of the site "${site}" and admins may change the slice ${name}.`;
