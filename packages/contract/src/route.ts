import type { ErrorCode } from '@planetlab/model';
import { z } from 'zod';

/**
 * One route of a contract. `reply` is what a success carries: a schema for JSON, `events` for server-sent events whose
 * data has that schema, `duplex` for a stream of frames in both directions (exec), `empty` for no body.
 */
export interface RouteDefinition {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** With `:name` for each parameter, for example `/v1/slices/:slice`. */
  readonly path: string;
  readonly summary: string;
  /**
   * `public`: anyone; `person`: signed in at the PLC; `credential`: slice credential + proof of possession at the node;
   * `local`: whoever may open the socket, which is root of the machine.
   */
  readonly access: 'public' | 'person' | 'credential' | 'local';
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly reply:
    | { readonly kind: 'json' | 'events'; readonly schema: z.ZodType }
    | { readonly kind: 'empty' | 'duplex' };
  readonly status: 200 | 201 | 202 | 204;
  /**
   * Of a 201 or 202: where what it made is. `:name` is a member of the reply or a parameter of the path, `:a.b` the member
   * `b` of the member `a`. The server sends it as the header `Location`.
   */
  readonly location?: string;
  /**
   * Of a GET of one thing: members that change without anybody changing the thing, such as counts and what a node reports.
   * Its `ETag` says nothing of them, so that `If-Match` refuses only what people or programs changed.
   */
  readonly volatile?: readonly string[];
  /** The reply holds a secret that is shown this once: it is not kept for a repetition with the same `Idempotency-Key`. */
  readonly showsSecret?: true;
  /** Codes that this route adds to those every route may answer. */
  readonly errors: readonly ErrorCode[];
}

export type RouteTable = Readonly<Record<string, RouteDefinition>>;

type Part<R, K extends 'params' | 'query' | 'body', D extends 'input' | 'output'> = R extends {
  readonly [P in K]: infer S extends z.ZodType;
}
  ? D extends 'output'
    ? { readonly [P in K]: z.output<S> }
    : // what may be left empty may be left out
      K extends 'query'
      ? { readonly query?: z.input<S> }
      : { readonly [P in K]: z.input<S> }
  : unknown;

/** What a caller gives (plain strings where names are wanted) / what a handler gets (parsed, branded). */
export type RouteInput<R, D extends 'input' | 'output' = 'output'> = Part<R, 'params', D> &
  Part<R, 'query', D> &
  Part<R, 'body', D>;

export type RouteOutput<R> = R extends {
  readonly reply: { readonly kind: 'json'; readonly schema: infer S extends z.ZodType };
}
  ? z.output<S>
  : R extends { readonly reply: { readonly kind: 'events'; readonly schema: infer S extends z.ZodType } }
    ? AsyncIterable<z.output<S>>
    : // biome-ignore lint/suspicious/noConfusingVoidType: a route with an empty reply returns nothing
      void;

/** A page of a list: `next` is the cursor to ask for what follows, or null at the end. */
export const page = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().nullable() });

/** Whether a route gives a page of a list. */
export const isListRoute = ({ reply }: RouteDefinition): boolean =>
  reply.kind === 'json' &&
  reply.schema instanceof z.ZodObject &&
  'items' in reply.schema.shape &&
  'next' in reply.schema.shape;

/** Whether a route gives one thing, which has an `ETag`. An answer to a question that has to be asked is none. */
export const isResourceRoute = (route: RouteDefinition): boolean =>
  route.method === 'GET' &&
  route.access === 'person' &&
  route.reply.kind === 'json' &&
  !isListRoute(route) &&
  (route.query === undefined || route.query.safeParse({}).success);

/** Whether a route changes something for a person, who may then send an `Idempotency-Key`. */
export const isChangeRoute = (route: RouteDefinition): boolean =>
  route.method !== 'GET' && route.access === 'person' && (route.reply.kind === 'json' || route.reply.kind === 'empty');

/** Fills a route's `location` with the members of a reply: `:operation.id` is the member `id` of the member `operation`. */
export const locationOf = (location: string, values: Readonly<Record<string, unknown>>): string =>
  location.replaceAll(/:([A-Za-z]+(?:\.[A-Za-z]+)*)/g, (_, path: string) => {
    const value = path
      .split('.')
      .reduce<unknown>((whole, name) => (whole as Record<string, unknown> | undefined)?.[name], values); // JSON
    if (value === undefined) throw new TypeError(`the location ${location} wants the member ${path}`);
    return encodeURIComponent(String(value));
  });

/** `/v1/slices/:slice` with `{slice: 'a_b'}` is `/v1/slices/a_b`; query values that are undefined are left out. */
export function fillPath(
  path: string,
  params: Readonly<Record<string, unknown>> = {},
  query: Readonly<Record<string, unknown>> = {},
): string {
  const filled = path.replaceAll(/:([A-Za-z]+)/g, (_, name: string) => {
    if (params[name] === undefined) throw new TypeError(`the path ${path} wants the parameter ${name}`);
    return encodeURIComponent(String(params[name]));
  });
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.append(name, String(value));
  return search.size === 0 ? filled : `${filled}?${search}`;
}
