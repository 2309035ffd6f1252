import { plcRoutes } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import { serveInvitations } from './invitations/routes.ts';
import { serveOutbox } from './mail/outbox.ts';
import { type OidcSettings, oidcProvider } from './oidc/provider.ts';
import { serveOidc } from './oidc/routes.ts';
import { relyingParty } from './passkeys/relying-party.ts';
import { servePasskeys } from './passkeys/routes.ts';
import { createPasswordHasher } from './passwords/hash.ts';
import { servePasswords } from './passwords/routes.ts';
import { serveAddressChanges } from './persons/address-routes.ts';
import { servePersonManagement } from './persons/manage-routes.ts';
import { servePersons } from './persons/routes.ts';
import type { ServePerson } from './sessions/authenticate.ts';
import { serveDeviceSignIns } from './sessions/device-routes.ts';
import type { Limiter } from './sessions/limiter.ts';
import { beginSessionWith, serveSessions } from './sessions/routes.ts';
import { getSettings } from './settings/store.ts';
import { serveSignUps } from './sign-ups/routes.ts';
import type { Store } from './store/store.ts';

export interface PeopleOptions {
  readonly store: Store;
  /** Where people reach us: links point there, and passkeys are bound to it. */
  readonly publicUrl: () => string;
  readonly authority: string;
  readonly oidc: OidcSettings | undefined;
  readonly limitSignIn: Limiter;
}

/** Everything about people: how they come, sign in, get roles and leave. */
export function servePeople(app: App, serve: ServePerson, options: PeopleOptions): void {
  const { store, publicUrl, limitSignIn } = options;
  const begin = beginSessionWith(store, publicUrl);
  const hasher = createPasswordHasher();
  const provider = options.oidc === undefined ? undefined : oidcProvider(options.oidc);
  const party = () => relyingParty(publicUrl(), options.authority);
  const common = { store, publicUrl, limitSignIn, begin, hasher };
  servePublic(app, plcRoutes.getSignInMethods, async () => ({
    passkeys: party() !== undefined,
    oidc: provider === undefined ? null : { label: provider.label },
    signUp: (await getSettings(store.db)).signUpOpen,
  }));
  serveSessions(app, serve, common);
  serveDeviceSignIns(app, serve, common);
  servePasswords(app, serve, common);
  servePasskeys(app, serve, { ...common, party });
  serveOidc(app, { ...common, provider });
  serveSignUps(app, serve, common);
  serveInvitations(app, serve, common);
  servePersons(app, serve, store);
  servePersonManagement(app, serve, store);
  serveAddressChanges(app, serve, common);
  serveOutbox(app, serve, store);
}
