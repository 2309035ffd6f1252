import { createHash } from 'node:crypto';
import { PlanetLabError } from '@planetlab/model';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { isResourceRoute, type RouteDefinition } from '../route.ts';

/**
 * What holds on every route alike, and needs to be made only once: limits, ETags, preconditions, idempotency keys.
 * The headers are read and written here; whoever has a database brings how to count and how to remember.
 */
export interface Conventions {
  /** Counts a request, after who sends it is known. Its caller is told what is left. */
  readonly limit?: (request: FastifyRequest) => Promise<LimitState>;
  /** Does a change at most once for each idempotency key, and only while its precondition holds. */
  readonly guard?: ChangeGuard;
}

export interface LimitState {
  readonly limit: number;
  readonly remaining: number;
  readonly resetSeconds: number;
  readonly isExceeded: boolean;
}

export type ChangeGuard = <T>(change: GuardedChange, work: () => Promise<T>) => Promise<Guarded<T>>;

export interface Guarded<T> {
  readonly output: T;
  /** The change was made by an earlier request with the same key: this is that one's reply. */
  readonly isReplay: boolean;
}

export interface GuardedChange {
  readonly request: FastifyRequest;
  /** `POST /v1/slices`, with the names filled in. */
  readonly target: string;
  readonly idempotencyKey: string | undefined;
  /** Of everything that was sent besides. */
  readonly bodyHash: string;
  readonly keepsReply: boolean;
  /** Path of the thing that is changed, if it is one that can be read. Changes of one thing go one after another. */
  readonly resource: string | undefined;
  /** Throws `precondition_failed` when that thing is not the one that `If-Match` names; undefined without one. */
  readonly check: (() => Promise<void>) | undefined;
}

/** Something that can be read, by the path of its route. */
export interface Resource {
  readonly route: RouteDefinition;
  readonly read: (request: FastifyRequest, reply: FastifyReply, params: unknown) => Promise<unknown>;
}

/** What the conventions need of a request that changes something. */
export function guardedChange(
  route: RouteDefinition,
  request: FastifyRequest,
  reply: FastifyReply,
  resources: readonly Resource[],
): GuardedChange {
  const path = request.url.split('?')[0] ?? '';
  const resource = resources.find((candidate) => isPrefix(candidate.route.path, route.path));
  const ifMatch = request.headers['if-match'];
  return {
    request,
    target: `${route.method} ${path}`,
    idempotencyKey: idempotencyKeyOf(request),
    bodyHash: hash(JSON.stringify([request.query ?? {}, request.body ?? null])),
    keepsReply: route.showsSecret !== true,
    resource:
      resource === undefined ? undefined : path.split('/').slice(0, segments(resource.route.path).length).join('/'),
    check: ifMatch === undefined ? undefined : () => checkMatch(ifMatch, resource, request, reply),
  };
}

/** Sorted so that the first prefix found is the longest. */
export const byDepth = (a: Resource, b: Resource): number =>
  segments(b.route.path).length - segments(a.route.path).length;

const segments = (path: string): string[] => path.split('/');
const isPrefix = (shorter: string, path: string): boolean =>
  segments(shorter).every((segment, index) => segment === segments(path)[index]);

async function checkMatch(
  ifMatch: string,
  resource: Resource | undefined,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const etag = resource && etagOf(resource.route, await resource.read(request, reply, request.params));
  if (etag !== undefined && matches(ifMatch, etag)) return;
  throw new PlanetLabError(
    'precondition_failed',
    etag === undefined
      ? 'There is nothing here that If-Match could be compared with. Send the request without it.'
      : 'It was changed since you read it, and nothing was done. Read it again, and repeat the change if it is still right.',
    etag === undefined ? {} : { details: { etag } },
  );
}

/** Undefined where a thing has none. */
export function etagOf(route: RouteDefinition, output: unknown): string | undefined {
  if (!isResourceRoute(route) || typeof output !== 'object' || output === null) return undefined;
  const lasting = Object.entries(output).filter(([name]) => route.volatile?.includes(name) !== true);
  return `"${hash(JSON.stringify(lasting)).slice(0, 22)}"`;
}

/** Whether an `If-Match` or `If-None-Match` names this ETag. */
export const matches = (header: string, etag: string): boolean =>
  header.split(',').some((one) => one.trim() === '*' || one.trim() === etag);

const hash = (text: string): string => createHash('sha256').update(text).digest('base64url');

function idempotencyKeyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined) return undefined;
  if (typeof key === 'string' && /^[\x21-\x7e]{1,200}$/.test(key)) return key;
  throw new PlanetLabError(
    'malformed_request',
    'An Idempotency-Key is 1 to 200 printable characters without spaces, such as a UUID, new for each change.',
  );
}

/** Tells the caller how much is left, and throws `too_many_requests` when nothing is. */
export async function applyLimit(
  conventions: Conventions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const state = await conventions.limit?.(request);
  if (state === undefined) return;
  const { limit, remaining, resetSeconds } = state;
  reply.headers({ 'ratelimit-limit': limit, 'ratelimit-remaining': remaining, 'ratelimit-reset': resetSeconds });
  if (!state.isExceeded) return;
  throw new PlanetLabError(
    'too_many_requests',
    `More than ${limit} requests in a minute. Go on in ${resetSeconds} s.`,
    {
      details: { retryAfterSeconds: resetSeconds },
    },
  );
}

const UNAVAILABLE_RETRY_SECONDS = 5;

/** When to try again, for failures that pass. */
export function retryAfterSeconds({ status, details }: PlanetLabError): number | undefined {
  const given = details['retryAfterSeconds'];
  if (typeof given === 'number') return given;
  return status === 503 ? UNAVAILABLE_RETRY_SECONDS : undefined;
}
