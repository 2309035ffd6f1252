import { plcRoutes } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import { PlanetLabError } from '@planetlab/model';
import type { ServePerson } from '../sessions/authenticate.ts';
import type { Limiter } from '../sessions/limiter.ts';
import { type BeginSession, browserOf } from '../sessions/routes.ts';
import { pageOfFew, timeCursor } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import type { RelyingParty } from './relying-party.ts';
import { addPasskey, deletePasskey, listPasskeys, signInByPasskey, startRegistration, startSignIn } from './store.ts';

export interface PasskeyRoutesOptions {
  readonly store: Store;
  readonly party: () => RelyingParty | undefined;
  readonly limitSignIn: Limiter;
  readonly begin: BeginSession;
}

export function servePasskeys(app: App, serve: ServePerson, options: PasskeyRoutesOptions): void {
  const { store, limitSignIn } = options;
  const party = (): RelyingParty => {
    const found = options.party();
    if (found !== undefined) return found;
    throw new PlanetLabError(
      'no_such_route',
      'Browsers know no passkeys here: people must reach this PLC by https and a name, not an address (--public-url).',
    );
  };
  serve(app, plcRoutes.startPasskey, (actor) => startRegistration(store, party(), actor) as never); // with more than the contract promises
  serve(app, plcRoutes.addPasskey, (actor, { body }) => addPasskey(store, party(), actor, body));
  serve(app, plcRoutes.listPasskeys, async (actor, { query }) =>
    pageOfFew(await listPasskeys(store.db, actor.email), query, ({ createdAt, id }) => timeCursor(createdAt, id)),
  );
  serve(app, plcRoutes.deletePasskey, (actor, { params }) => deletePasskey(store, actor, params.passkey));

  servePublic(app, plcRoutes.startPasskeySignIn, async (_input, { request }) => {
    await limitSignIn(request);
    return startSignIn(store, party());
  });
  servePublic(app, plcRoutes.signInByPasskey, async ({ body }, { request, reply }) => {
    await limitSignIn(request);
    const opened = await signInByPasskey(store, party(), body.credential, browserOf(request));
    return options.begin(reply, opened);
  });
}
