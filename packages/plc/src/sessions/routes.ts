import { type Person, plcRoutes } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import { formatDuration, fromInstant, PlanetLabError } from '@planetlab/model';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isAdmin, requireAllowed } from '../access/rules.ts';
import { getPerson } from '../persons/store.ts';
import { pageOf, pageOfFew, timeCursor } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import { bearerOf, SESSION_COOKIE, type ServePerson, sessionOf } from './authenticate.ts';
import type { Limiter } from './limiter.ts';
import { SESSION_MS, TOKEN_DEFAULT_MS, TOKEN_MAX_MS } from './secrets.ts';
import {
  createSignInLink,
  deleteSession,
  endSession,
  listSessions,
  type OpenedSession,
  openSessionByLink,
} from './sessions.ts';
import { createToken, deleteToken, deleteTokenBySecret, listTokens } from './store.ts';

export interface SessionRoutesOptions {
  readonly store: Store;
  /** Where people reach us: sign-in links point there. */
  readonly publicUrl: () => string;
  readonly limitSignIn: Limiter;
  readonly begin: BeginSession;
}

/** Gives the browser the cookie of a session that was opened; the answer is who is signed in. */
export type BeginSession = (reply: FastifyReply, opened: OpenedSession) => Promise<Person>;

export const beginSessionWith =
  (store: Store, publicUrl: () => string): BeginSession =>
  async (reply, { person, session }) => {
    reply.setCookie(SESSION_COOKIE, session, {
      path: '/',
      httpOnly: true,
      sameSite: 'strict',
      secure: publicUrl().startsWith('https:'),
      maxAge: SESSION_MS / 1000,
    });
    return getPerson(store.db, person);
  };

export const browserOf = (request: FastifyRequest): string => request.headers['user-agent'] ?? '';

export function serveSessions(app: App, serve: ServePerson, options: SessionRoutesOptions): void {
  const { store, publicUrl } = options;
  serve(app, plcRoutes.createSignInLink, async (actor) => {
    const { code, expiresAt } = await createSignInLink(store, actor);
    // After the #, so that the code is in no server's log.
    return { url: `${publicUrl()}/sign-in#${code}`, expiresAt: expiresAt.toISOString() };
  });
  servePublic(app, plcRoutes.createSession, async ({ body }, { request, reply }) => {
    await options.limitSignIn(request);
    return options.begin(reply, await openSessionByLink(store, body.code, browserOf(request)));
  });
  serve(app, plcRoutes.listSessions, async (actor, { query }, { request }) => {
    const sessions = await listSessions(store.db, actor, store.now(), sessionOf(request));
    return pageOfFew(sessions, query, ({ createdAt, id }) => timeCursor(createdAt, id));
  });
  serve(app, plcRoutes.deleteSession, (actor, { params }) => deleteSession(store, actor, params.session));
  serve(app, plcRoutes.endSession, async (actor, _input, { request, reply }) => {
    const session = sessionOf(request);
    if (session !== undefined) await endSession(store, actor, session);
    reply.clearCookie(SESSION_COOKIE, { path: '/' });
  });
  serve(app, plcRoutes.createToken, async (actor, { body }) => {
    const person = body.person ?? actor.email;
    requireAllowed(person === actor.email || isAdmin(actor), 'Only admins make API tokens for other people.');
    await getPerson(store.db, person);
    const expiresAt = tokenEnd(store.now(), body.expiresAt);
    return createToken(store, actor.principal, { person, label: body.label, expiresAt, scopes: body.scopes });
  });
  serve(app, plcRoutes.deleteCurrentToken, (actor, _input, { request }) =>
    deleteTokenBySecret(store, actor, bearerOf(request) ?? ''),
  );
  serve(app, plcRoutes.listTokens, async (actor, { query }) => {
    const tokens = await listTokens(store.db, actor.email, { ...query, limit: query.limit + 1 });
    return pageOf(tokens, query.limit, ({ createdAt, id }) => timeCursor(createdAt, id));
  });
  serve(app, plcRoutes.deleteToken, (actor, { params }) => deleteToken(store, actor, params.token));
}

/** Of a new API token. Throws `malformed_request`. */
export function tokenEnd(now: Date, wanted: string | undefined): Date {
  const end = wanted === undefined ? now.getTime() + TOKEN_DEFAULT_MS : fromInstant(wanted);
  if (end > now.getTime() && end <= now.getTime() + TOKEN_MAX_MS) return new Date(end);
  throw new PlanetLabError(
    'malformed_request',
    `An API token ends in the future, at most ${formatDuration(TOKEN_MAX_MS)} ahead.`,
  );
}
