import type { RouteDefinition } from '../route.ts';
import type { TokenScope } from './types.ts';

/** What changes slices, and what changes nodes. What is in neither wants `all`. */
const SLICES = /^\/v1\/(slices|slivers|operations)(\/|$)/;
const NODES = /^\/v1\/(nodes|groups)(\/|$)/;
/** Mails have links in them with which one can sign in. */
const SECRET = /^\/v1\/mails(\/|$)/;
/** The one ends only what asks, the other only asks. */
const HARMLESS = new Set(['DELETE /v1/tokens/current', 'POST /v1/selections']);

/** The scope that an API token needs for a route. A new route that changes something wants `all` unless it is named here. */
export function scopeOf(route: Pick<RouteDefinition, 'method' | 'path'>): TokenScope {
  if (SECRET.test(route.path)) return 'all';
  if (route.method === 'GET' || HARMLESS.has(`${route.method} ${route.path}`)) return 'read';
  if (SLICES.test(route.path)) return 'slices';
  return NODES.test(route.path) ? 'nodes' : 'all';
}

/** Whether a token with these scopes may use what needs one: every token reads, and `all` is all. */
export const coversScope = (scopes: readonly TokenScope[], needed: TokenScope): boolean =>
  needed === 'read' || scopes.includes('all') || scopes.includes(needed);
