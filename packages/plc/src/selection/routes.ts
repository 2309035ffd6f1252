import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { SelectionRequest } from '@planetlab/model';
import { type Actor, isAdmin, isPiOf, mayChangeSlice, maySeeSlice, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { getSettings } from '../settings/store.ts';
import { changeSentence, seeSentence } from '../slices/routes.ts';
import { checkNodeQuota, requireAlive } from '../slices/rules.ts';
import { findSlice, type StoredSlice } from '../slices/store.ts';
import { addSlivers, nodesWith } from '../slivers/store.ts';
import type { Store } from '../store/store.ts';
import { chooseNodes, requestOfSlice, requireSatisfied } from './choose.ts';
import { forgetSelector, getSelector, keepSelector } from './selectors.ts';

export function serveSelections(app: App, serve: ServePerson, store: Store): void {
  const visible = async (actor: Actor, name: StoredSlice['name']): Promise<StoredSlice> => {
    const slice = await findSlice(store.db, name, store.now());
    requireAllowed(maySeeSlice(actor, slice), seeSentence(slice));
    return slice;
  };
  const changeable = async (actor: Actor, name: StoredSlice['name']): Promise<StoredSlice> => {
    const slice = await findSlice(store.db, name, store.now());
    requireAllowed(mayChangeSlice(actor, slice), changeSentence(slice));
    return slice;
  };
  serve(app, plcRoutes.selectNodes, async (actor, { body }) => {
    const { seed, slice: name, ...request } = body;
    if (name === undefined) return chooseNodes(store, request, seed);
    return chooseNodes(store, await requestOfSlice(store.db, await visible(actor, name), request), seed);
  });
  serve(app, plcRoutes.selectSlivers, async (actor, { params, body }) => {
    const { seed, keep, deadlineSeconds, ...given } = body;
    const slice = await changeable(actor, params.slice);
    requireAlive(slice, store.now().getTime());
    const selection = await chooseNodes(store, await requestOfSlice(store.db, slice, given), seed);
    requireSatisfied(selection);
    const nodes = await nodesWith(store.db, slice, selection.chosen);
    const exempt = isAdmin(actor) || isPiOf(actor, slice.site);
    checkNodeQuota(slice, nodes, { exempt }, await getSettings(store.db));
    const added = await addSlivers(store, actor.principal, slice, selection.chosen, deadlineSeconds);
    if (keep) await keepSelector(store, actor.principal, slice, SelectionRequest.parse(given));
    return { selection, ...added };
  });
  serve(app, plcRoutes.getSelector, async (actor, { params }) =>
    getSelector(store.db, await visible(actor, params.slice)),
  );
  serve(app, plcRoutes.deleteSelector, async (actor, { params }) =>
    forgetSelector(store, actor.principal, await changeable(actor, params.slice)),
  );
}
