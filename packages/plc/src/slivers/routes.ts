import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { sliverName } from '@planetlab/model';
import { type Actor, isAdmin, isPiOf, mayChangeSlice, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { getSettings } from '../settings/store.ts';
import { changeSentence } from '../slices/routes.ts';
import { checkNodeQuota, requireAlive } from '../slices/rules.ts';
import { findSlice, type StoredSlice } from '../slices/store.ts';
import { pageOf } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import { addSlivers, listSlivers, nodesWith, removeSlivers } from './store.ts';

const REMOVAL_DEADLINE_SECONDS = 600;

export function serveSlivers(app: App, serve: ServePerson, store: Store): void {
  const changeable = async (actor: Actor, name: StoredSlice['name']): Promise<StoredSlice> => {
    const slice = await findSlice(store.db, name, store.now());
    requireAllowed(mayChangeSlice(actor, slice), changeSentence(slice));
    return slice;
  };
  serve(app, plcRoutes.addSlivers, async (actor, { params, body }) => {
    const slice = await changeable(actor, params.slice);
    requireAlive(slice, store.now().getTime());
    const nodes = await nodesWith(store.db, slice, body.nodes);
    const exempt = isAdmin(actor) || isPiOf(actor, slice.site);
    checkNodeQuota(slice, nodes, { exempt }, await getSettings(store.db));
    return addSlivers(store, actor.principal, slice, body.nodes, body.deadlineSeconds);
  });
  serve(app, plcRoutes.removeSliver, async (actor, { params }) => {
    const slice = await changeable(actor, params.slice);
    return { operation: await removeSlivers(store, actor.principal, slice, [params.node], REMOVAL_DEADLINE_SECONDS) };
  });
  serve(app, plcRoutes.removeSlivers, async (actor, { params, body }) => {
    const slice = await changeable(actor, params.slice);
    return { operation: await removeSlivers(store, actor.principal, slice, body.nodes, body.deadlineSeconds) };
  });
  serve(app, plcRoutes.listSlivers, async (actor, { query }) => {
    const slivers = await listSlivers(store.db, actor, { ...query, limit: query.limit + 1 }, store.now());
    return pageOf(slivers, query.limit, ({ slice, node }) => sliverName(slice, node));
  });
}
