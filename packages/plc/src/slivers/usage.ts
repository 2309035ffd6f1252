import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { maySeeSlice, requireAllowed } from '../access/rules.ts';
import type { Authority } from '../authority/authority.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { seeSentence } from '../slices/routes.ts';
import { findSlice } from '../slices/store.ts';
import type { Store } from '../store/store.ts';
import { credentialSource, nodeClient } from '../uplinks/node-client.ts';
import { reachNode, type UplinkFinder } from '../uplinks/reach.ts';
import { findWantedSliver } from './store.ts';

export interface UsageRoutesOptions {
  readonly store: Store;
  readonly authority: Authority;
  readonly uplinks: UplinkFinder;
}

/** What a sliver uses is asked of its node each time; nothing of it is kept here. */
export function serveUsage(app: App, serve: ServePerson, options: UsageRoutesOptions): void {
  const { store, authority } = options;
  serve(app, plcRoutes.getUsage, async (actor, { params }, { signal }) => {
    const slice = await findSlice(store.db, params.slice, store.now());
    requireAllowed(maySeeSlice(actor, slice), seeSentence(slice));
    const { nodeId } = await findWantedSliver(store.db, slice, params.node);
    const link = await reachNode(options, params.node, nodeId);
    const subject = {
      principal: actor.principal,
      slice: slice.name,
      rights: ['read'],
      key: authority.proxyKey,
    } as const;
    const credential = credentialSource(authority.identity, subject, () => store.now().getTime());
    return nodeClient(link, credential).getUsage({ params: { slice: slice.name } }, { signal });
  });
}
