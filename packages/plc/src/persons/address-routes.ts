import { plcRoutes } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import { type Passwords, requireShown } from '../passwords/store.ts';
import { type ServePerson, sessionOf } from '../sessions/authenticate.ts';
import type { Limiter } from '../sessions/limiter.ts';
import { askForAddress, confirmAddress, objectToAddress } from './address-change.ts';

export interface AddressRoutesOptions extends Passwords {
  readonly limitSignIn: Limiter;
}

/** Another mail address for who is signed in. */
export function serveAddressChanges(app: App, serve: ServePerson, options: AddressRoutesOptions): void {
  serve(app, plcRoutes.askForAddress, async (actor, { body }, { request }) => {
    await requireShown(options, actor, { password: body.password, session: sessionOf(request) });
    await askForAddress(options, actor, body.email);
  });
  serve(app, plcRoutes.confirmAddress, (actor, { body }) => confirmAddress(options, actor, body.code));
  servePublic(app, plcRoutes.objectToAddress, async ({ body }, { request }) => {
    await options.limitSignIn(request);
    await objectToAddress(options, body.code);
  });
}
