import { plcRoutes } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import { type ServePerson, sessionOf } from '../sessions/authenticate.ts';
import type { Limiter } from '../sessions/limiter.ts';
import { type BeginSession, browserOf } from '../sessions/routes.ts';
import { TOKEN_DEFAULT_MS } from '../sessions/secrets.ts';
import { openSession } from '../sessions/sessions.ts';
import { createToken, principalOf } from '../sessions/store.ts';
import { changePassword, checkPassword, type Passwords, requestReset, resetPassword } from './store.ts';

export interface PasswordRoutesOptions extends Passwords {
  readonly limitSignIn: Limiter;
  readonly begin: BeginSession;
}

export function servePasswords(app: App, serve: ServePerson, options: PasswordRoutesOptions): void {
  const { store, limitSignIn } = options;
  servePublic(app, plcRoutes.signInByPassword, async ({ body }, { request, reply }) => {
    await limitSignIn(request);
    const email = await checkPassword(options, body.email, body.password);
    const signIn = { method: 'password', browser: browserOf(request) } as const;
    const at = store.now();
    return options.begin(reply, await store.db.transaction().execute((trx) => openSession(trx, at, email, signIn)));
  });
  servePublic(app, plcRoutes.createTokenByPassword, async ({ body }, { request }) => {
    await limitSignIn(request);
    const person = await checkPassword(options, body.email, body.password);
    const expiresAt = new Date(store.now().getTime() + TOKEN_DEFAULT_MS);
    return createToken(store, principalOf(person), { person, label: body.label, expiresAt });
  });
  serve(app, plcRoutes.changePassword, (actor, { body }, { request }) =>
    changePassword(options, actor, body, sessionOf(request)),
  );
  servePublic(app, plcRoutes.requestPasswordReset, async ({ body }, { request }) => {
    await limitSignIn(request);
    await requestReset(options, body.email);
  });
  servePublic(app, plcRoutes.resetPassword, async ({ body }, { request }) => {
    await limitSignIn(request);
    await resetPassword(options, body.code, body.password);
  });
}
