import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { type Actor, isAdmin, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import type { Store } from '../store/store.ts';
import { changeNode, decideNode, setRunLevel } from './decide.ts';
import { manageableNode } from './routes.ts';

/** What a node's people decide about its service. */
export function serveNodeService(app: App, serve: ServePerson, store: Store): void {
  const manageable = (actor: Actor, name: Parameters<typeof manageableNode>[2]) => manageableNode(store, actor, name);
  serve(app, plcRoutes.changeNode, async (actor, { params, body }) =>
    changeNode(store, actor.principal, await manageable(actor, params.node), body),
  );
  serve(app, plcRoutes.setRunLevel, async (actor, { params, body }) => {
    const node = await manageable(actor, params.node);
    return setRunLevel(store, actor.principal, node, body.runLevel, body.reason);
  });
  serve(app, plcRoutes.drainNode, async (actor, { params, body }) =>
    decideNode(store, actor.principal, await manageable(actor, params.node), 'drain', body.reason),
  );
  serve(app, plcRoutes.undrainNode, async (actor, { params }) =>
    decideNode(store, actor.principal, await manageable(actor, params.node), 'drain', null),
  );
  serve(app, plcRoutes.quarantineNode, async (actor, { params, body }) =>
    decideNode(store, actor.principal, await manageable(actor, params.node), 'quarantine', body.reason),
  );
  serve(app, plcRoutes.endQuarantine, async (actor, { params }) => {
    const node = await manageable(actor, params.node);
    if (node.quarantine === null) return node;
    const { by } = node.quarantine;
    requireAllowed(
      isAdmin(actor) || by === actor.principal,
      `${by} has put ${node.name} into quarantine. They or an admin can take it out.`,
    );
    return decideNode(store, actor.principal, node, 'quarantine', null);
  });
}
