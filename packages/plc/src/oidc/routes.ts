import { plcRoutes } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import { PlanetLabError } from '@planetlab/model';
import type { Limiter } from '../sessions/limiter.ts';
import { type BeginSession, browserOf } from '../sessions/routes.ts';
import type { Store } from '../store/store.ts';
import type { OidcProvider } from './provider.ts';
import { keepAttempt, OIDC_ATTEMPT_MS, signInAs, takeAttempt } from './store.ts';

const ATTEMPT_COOKIE = 'planetlab_oidc';
const COOKIE_PATH = plcRoutes.signInByOidc.path;
/** Page of the console to which the provider sends the browser back; it is registered there. */
export const REDIRECT_PATH = '/sign-in/oidc';

export interface OidcRoutesOptions {
  readonly store: Store;
  readonly provider: OidcProvider | undefined;
  readonly publicUrl: () => string;
  readonly limitSignIn: Limiter;
  readonly begin: BeginSession;
}

export function serveOidc(app: App, options: OidcRoutesOptions): void {
  const { store, publicUrl, limitSignIn } = options;
  const provider = (): OidcProvider => {
    if (options.provider !== undefined) return options.provider;
    throw new PlanetLabError('no_such_route', 'No institution’s accounts are taken here. Sign in another way.');
  };
  servePublic(app, plcRoutes.startOidcSignIn, async (_input, { request, reply }) => {
    await limitSignIn(request);
    const { url, ...attempt } = await provider().start(publicUrl() + REDIRECT_PATH);
    const secret = await keepAttempt(store, attempt);
    const secure = publicUrl().startsWith('https:');
    const common = { path: COOKIE_PATH, httpOnly: true, sameSite: 'strict', secure } as const;
    reply.setCookie(ATTEMPT_COOKIE, secret, { ...common, maxAge: OIDC_ATTEMPT_MS / 1000 });
    return { url };
  });
  servePublic(app, plcRoutes.signInByOidc, async ({ body }, { request, reply }) => {
    await limitSignIn(request);
    const at = provider();
    const returned = new URL(publicUrl() + REDIRECT_PATH);
    returned.search = body.query;
    const state = returned.searchParams.get('state') ?? '';
    const attempt = await takeAttempt(store, state, request.cookies[ATTEMPT_COOKIE] ?? '');
    reply.clearCookie(ATTEMPT_COOKIE, { path: COOKIE_PATH });
    const identity = await at.finish(returned, attempt);
    return options.begin(reply, await signInAs(store, identity, browserOf(request)));
  });
}
