import assert from 'node:assert/strict';
import type {} from '@fastify/cookie'; // its additions to requests and replies
import {
  coversScope,
  EXEC_CONTENT_TYPE,
  type RouteDefinition,
  type RouteInput,
  type RouteOutput,
  scopeOf,
  type TokenScope,
} from '@planetlab/contract';
import { type App, type HandlerContext, serve, type WrittenJson } from '@planetlab/contract/server';
import { isPlanetLabError, PlanetLabError, SECOND_MS } from '@planetlab/model';
import type { FastifyRequest } from 'fastify';
import type { Actor } from '../access/rules.ts';
import type { Store } from '../store/store.ts';
import { holderOf } from './store.ts';

export const SESSION_COOKIE = 'planetlab_session';
/** Console requests that change something carry it; a page from elsewhere cannot set it without our leave. */
export const CONSOLE_HEADER = 'x-planetlab-console';

const RECHECK_MS = SECOND_MS;

export type PersonHandler<R extends RouteDefinition> = (
  actor: Actor,
  input: RouteInput<R>,
  context: HandlerContext,
) => R['reply']['kind'] extends 'json' ? Promise<RouteOutput<R> | WrittenJson<RouteOutput<R>>> : Promise<void>;

/** Serves a route whose `access` is `person`: the handler learns who asks. */
export type ServePerson = <R extends RouteDefinition & { readonly access: 'person' }>(
  app: App,
  route: R,
  handler: PersonHandler<R>,
) => void;

/** Who sent a request, from when it was authenticated. */
export type Actors = WeakMap<FastifyRequest, Actor>;

export const servePersonWith =
  (store: Store, actors: Actors): ServePerson =>
  (app, route, handler) =>
    serve(
      app,
      route,
      async (input, context) => {
        const actor = actors.get(context.request);
        assert(actor !== undefined, 'a request comes to its handler only after it was authenticated');
        return handler(actor, input, context) as never; // both sides derive the result from the same route
      },
      async (request) => {
        actors.set(request, await authenticate(store, request, scopeOf(route)));
      },
    );

/**
 * Who sends a request: by API token whose scopes cover what it needs, or by the console's cookie. Throws `not_signed_in`,
 * `scope_insufficient`, `forbidden`.
 */
export async function authenticate(store: Store, request: FastifyRequest, needed: TokenScope = 'read'): Promise<Actor> {
  if (request.headers.authorization !== undefined) return byToken(store, bearerOf(request), needed);
  const session = sessionOf(request);
  if (session === undefined) return fail('You are not signed in. Send an API token, or sign in with: pl login');
  const holder = await holderOf(store, 'sessions', session);
  if (holder === undefined) return fail('Your session has ended. Sign in again.');
  refuseForeignPage(request);
  return holder.actor;
}

async function byToken(store: Store, token: string | undefined, needed: TokenScope): Promise<Actor> {
  const holder = token === undefined ? undefined : await holderOf(store, 'tokens', token);
  if (holder === undefined)
    return fail('This API token is not valid: it may be mistyped, revoked or expired. Sign in with: pl login');
  if (coversScope(holder.scopes, needed)) return holder.actor;
  throw new PlanetLabError(
    'scope_insufficient',
    `This API token is for ${holder.scopes.join(', ')}; this needs one for ${needed}. Make one with: pl token create`,
  );
}

/** The API token of a request, if it has the form of one. */
export const bearerOf = (request: FastifyRequest): string | undefined =>
  /^Bearer (\S{1,200})$/i.exec(request.headers.authorization ?? '')?.[1];

export const sessionOf = (request: FastifyRequest): string | undefined => request.cookies[SESSION_COOKIE];

/**
 * Against requests that another site's page makes in the name of who is signed in. The cookie is SameSite=Strict; and
 * what changes something must have a header that a page can set for another origin only after asking, which we refuse.
 */
function refuseForeignPage(request: FastifyRequest): void {
  if (request.method === 'GET' || request.method === 'HEAD') return;
  const contentType = request.headers['content-type'] ?? '';
  const own = contentType.startsWith('application/json') || contentType.startsWith(EXEC_CONTENT_TYPE);
  if (own || request.headers[CONSOLE_HEADER] !== undefined) return;
  throw new PlanetLabError(
    'forbidden',
    `A request by cookie that changes something needs a JSON body or the header ${CONSOLE_HEADER}: 1.`,
  );
}

/** A stream does not outlive the token or session that opened it: before something is sent it is looked at again. */
export function signInCheck(store: Store, request: FastifyRequest): () => Promise<boolean> {
  let checkedAtMs = store.now().getTime();
  return async () => {
    const nowMs = store.now().getTime();
    if (nowMs - checkedAtMs < RECHECK_MS) return true;
    checkedAtMs = nowMs;
    return authenticate(store, request).then(
      () => true,
      (error) => {
        if (isPlanetLabError(error)) return false;
        throw error;
      },
    );
  };
}

function fail(sentence: string): never {
  throw new PlanetLabError('not_signed_in', sentence);
}
