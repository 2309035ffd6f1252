import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { isAdmin, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import type { Store } from '../store/store.ts';
import { changeSettings, getSettings } from './store.ts';

export function serveSettings(app: App, serve: ServePerson, store: Store): void {
  serve(app, plcRoutes.getSettings, () => getSettings(store.db));
  serve(app, plcRoutes.changeSettings, (actor, { body }) => {
    requireAllowed(isAdmin(actor), 'Only admins change the settings of the authority.');
    return changeSettings(store, actor.principal, body);
  });
}
