import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { PlanetLabError } from '@planetlab/model';
import { type Actor, isAdmin, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import type { Store } from '../store/store.ts';
import { changeNode, decideNode, setRunLevel } from './decide.ts';
import { cancelReboot, type RebootOptions, requestReboot, tendReboot } from './reboot.ts';
import { manageableNode } from './routes.ts';
import { getNode } from './store.ts';

/** Whether its machine is rebooted; one that refuses says so at once, if it is there. */
export function serveReboots(app: App, serve: ServePerson, options: RebootOptions): void {
  const { store } = options;
  serve(app, plcRoutes.rebootNode, async (actor, { params, body }) => {
    const node = await manageableNode(store, actor, params.node);
    await requestReboot(store, actor.principal, node, body);
    const refusal = await tendReboot(options, node.id);
    if (refusal === undefined) return getNode(store.db, node.name, store.now());
    const code = refusal.code === 'admission_refused' ? 'admission_refused' : 'feature_missing';
    throw new PlanetLabError(code, refusal.message);
  });
  serve(app, plcRoutes.cancelReboot, async (actor, { params }) =>
    cancelReboot(store, actor.principal, await manageableNode(store, actor, params.node)),
  );
}

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
