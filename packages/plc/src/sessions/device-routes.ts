import { plcRoutes } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import type { ServePerson } from './authenticate.ts';
import { decideDeviceSignIn, getDeviceSignIn, startDeviceSignIn, takeDeviceToken } from './device.ts';
import { type SessionRoutesOptions, tokenEnd } from './routes.ts';

type DeviceRoutesOptions = Pick<SessionRoutesOptions, 'store' | 'publicUrl' | 'limitSignIn'>;

/** Programs without a browser sign in by that of their person. Codes that can be guessed are limited by address. */
export function serveDeviceSignIns(app: App, serve: ServePerson, options: DeviceRoutesOptions): void {
  const { store, publicUrl, limitSignIn } = options;
  servePublic(app, plcRoutes.startDeviceSignIn, async ({ body }, { request }) => {
    await limitSignIn(request);
    const { label, scopes } = body;
    const tokenExpiresAt = tokenEnd(store.now(), body.expiresAt);
    const started = await startDeviceSignIn(store, { label, scopes, tokenExpiresAt, address: request.ip });
    const verificationUri = `${publicUrl()}/device`;
    // After the #, so that the code is in no server's log.
    return { ...started, verificationUri, verificationUriComplete: `${verificationUri}#${started.userCode}` };
  });
  servePublic(app, plcRoutes.takeDeviceToken, ({ body }) => takeDeviceToken(store, body.deviceCode));
  serve(app, plcRoutes.getDeviceSignIn, async (_actor, { params }, { request }) => {
    await limitSignIn(request);
    return getDeviceSignIn(store, params.code);
  });
  serve(app, plcRoutes.decideDeviceSignIn, async (actor, { params, body }, { request }) => {
    await limitSignIn(request);
    await decideDeviceSignIn(store, actor, params.code, body.allow);
  });
}
