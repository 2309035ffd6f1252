import { Readable } from 'node:stream';
import { messageOf, PlanetLabError, whatIsWrong } from '@planetlab/model';
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify';
import type { z } from 'zod';
import { EXEC_CONTENT_TYPE } from '../exec-frames.ts';
import { PROBLEM_CONTENT_TYPE, problemOf } from '../problem.ts';
import {
  isChangeRoute,
  isResourceRoute,
  locationOf,
  type RouteDefinition,
  type RouteInput,
  type RouteOutput,
} from '../route.ts';
import { boundBodyTime, readRefusedBody } from './bodies.ts';
import {
  applyLimit,
  byDepth,
  type Conventions,
  etagOf,
  guardedChange,
  matches,
  type Resource,
  retryAfterSeconds,
} from './conventions.ts';
import { requestId } from './request-id.ts';
import { WrittenJson } from './written-json.ts';

export type App = FastifyInstance;

export interface HandlerContext {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  /** Aborted when the caller goes away. */
  readonly signal: AbortSignal;
}

/** Gets the parsed input, gives the output, written as JSON or not; for `events` and `duplex` routes it answers through `context.reply` itself. */
export type Handler<R extends RouteDefinition> = (
  input: RouteInput<R>,
  context: HandlerContext,
) => R['reply']['kind'] extends 'json' ? Promise<RouteOutput<R> | WrittenJson<RouteOutput<R>>> : Promise<void>;

export interface AppOptions {
  readonly logger?: FastifyBaseLogger;
  /** Also answers HTTP/2, without TLS of its own: connections are handed in or wrapped by the owner. */
  readonly http2?: boolean;
  /** HTTP/1.1 over TLS with this certificate chain and key, PEM. */
  readonly tls?: { readonly cert: string; readonly key: string };
  /** Largest JSON body in bytes; default 1 MiB. Streams (exec) are not bodies in this sense. */
  readonly bodyLimitBytes?: number;
  /** How long a body may take to arrive whole; default 30 s. Streams (exec) take as long as they like. */
  readonly bodyWithinMs?: number;
  /** Proxies whose word on a caller's address is taken (`X-Forwarded-For`), such as `loopback`; default none. */
  readonly trustProxy?: string;
  /** What an error of something below means to the caller; undefined for one that it does not know. */
  readonly explain?: (error: unknown) => PlanetLabError | undefined;
}

const JSON_CONTENT_TYPE = 'application/json; charset=utf-8';

/** Longest parameter in a path, in characters: a mail address has up to 254. */
const PARAMETER_LIMIT_CHARACTERS = 300;

const BODY_WITHIN_MS = 30_000;

/** A Fastify instance with our error mapping and the exec stream's content type. */
export function createApp(options: AppOptions = {}): App {
  const common = {
    bodyLimit: options.bodyLimitBytes ?? 1024 * 1024,
    routerOptions: { maxParamLength: PARAMETER_LIMIT_CHARACTERS },
    ...(options.trustProxy === undefined ? {} : { trustProxy: options.trustProxy }),
    ...(options.logger === undefined ? {} : { loggerInstance: options.logger }),
    // Typed apart for each kind of server; it answers alike.
    frameworkErrors: ((error: unknown, _request: FastifyRequest, reply: FastifyReply) =>
      sendProblem(reply, toPlanetLabError(error))) as never,
    genReqId: requestId,
    logController: new LogController({ disableRequestLogging: true }),
    forceCloseConnections: true,
  };
  const { tls } = options;
  const plain = () => (options.http2 === true ? fastify({ ...common, http2: true }) : fastify(common));
  const secure = (files: NonNullable<AppOptions['tls']>) =>
    fastify({ ...common, https: { ...files, minVersion: 'TLSv1.2' } });
  // Fastify types instances over HTTP/2 and TLS apart; their routes and replies are the same.
  const app = (tls === undefined ? plain() : secure(tls)) as unknown as App;
  app.decorate('resources', [] as Resource[]);
  app.removeContentTypeParser('text/plain'); // nothing here takes it, and it would be read before that is said
  app.addContentTypeParser(EXEC_CONTENT_TYPE, (_request, payload, done) => done(null, payload));
  boundBodyTime(app, options.bodyWithinMs ?? BODY_WITHIN_MS);
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      reply,
      new PlanetLabError('no_such_route', `There is no ${request.method} ${request.url.split('?')[0]} here.`),
    ),
  );
  app.setErrorHandler((error, request, reply) => {
    const problem = options.explain?.(error) ?? toPlanetLabError(error);
    if (problem.code === 'database_unavailable') request.log.warn({ reason: messageOf(problem.cause) }, 'no database');
    if (problem.code === 'internal') request.log.error({ err: error }, 'request failed');
    if (problem.code === 'body_too_large') readRefusedBody(request, reply);
    return sendProblem(reply, problem);
  });
  return app;
}

function sendProblem(reply: FastifyReply, error: PlanetLabError): FastifyReply {
  const seconds = retryAfterSeconds(error);
  if (seconds !== undefined) reply.header('retry-after', seconds);
  return reply
    .code(error.status)
    .type(PROBLEM_CONTENT_TYPE)
    .send(JSON.stringify(problemOf(error)));
}

function toPlanetLabError(error: unknown): PlanetLabError {
  if (error instanceof PlanetLabError) return error;
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500;
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    return new PlanetLabError('body_too_large', 'The body of the request is too large; the limit is 1 MiB.', {
      cause: error,
    });
  }
  if (status === 429) return new PlanetLabError('too_many_requests', messageOf(error), { cause: error });
  if (status >= 400 && status < 500) {
    return new PlanetLabError('malformed_request', `The request is malformed: ${messageOf(error)}.`, { cause: error });
  }
  return new PlanetLabError('internal', 'Something went wrong inside; it has been logged with this request.', {
    cause: error,
  });
}

/** The conventions of an application: set before its first request, for all its routes. */
export const useConventions = (app: App, conventions: Conventions): void => {
  app.decorate('conventions', conventions);
};

const conventionsOf = (app: App): Conventions =>
  app.hasDecorator('conventions') ? app.getDecorator<Conventions>('conventions') : {};

/**
 * Serves one route of a contract: parse, handle, answer. `before` sees a request before its body is read:
 * who is not let in costs us no parsing, and learns nothing of what would have been right.
 */
export function serve<R extends RouteDefinition>(
  app: App,
  route: R,
  handler: Handler<R>,
  before?: (request: FastifyRequest) => Promise<void>,
): void {
  const handle = (input: object, request: FastifyRequest, reply: FastifyReply): Promise<unknown> =>
    // The parts were parsed by what RouteInput says of this route.
    handler(input as unknown as RouteInput<R>, { request, reply, signal: signalOf(request, reply) });
  const resources = app.getDecorator<Resource[]>('resources');
  if (isResourceRoute(route)) {
    const query = parsePart('query', route.query, {});
    const read: Resource['read'] = (request, reply, params) =>
      handle({ ...query, ...parsePart('params', route.params, params) }, request, reply);
    resources.push({ route, read });
    resources.sort(byDepth);
  }
  app.route({
    method: route.method,
    url: route.path,
    onRequest: async (request, reply) => {
      // Who is not let in is counted too.
      const refusal = await before?.(request).then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      await applyLimit(conventionsOf(app), request, reply);
      if (refusal !== undefined) throw refusal.error;
    },
    handler: async (request, reply) => {
      if (route.reply.kind === 'duplex') requireStream(request.body);
      const input = {
        ...parsePart('params', route.params, request.params),
        ...parsePart('query', route.query, request.query),
        ...parsePart('body', route.body, request.body),
      };
      const work = () => handle(input, request, reply);
      const { guard } = conventionsOf(app);
      if (guard === undefined || !isChangeRoute(route)) return answer(route, request, reply, await work());
      const { output, isReplay } = await guard(guardedChange(route, request, reply, resources), work);
      if (isReplay) reply.header('idempotency-replayed', 'true');
      return answer(route, request, reply, output);
    },
  });
}

/** Sends what a handler gave; for events and duplex it has answered by itself. */
function answer(route: RouteDefinition, request: FastifyRequest, reply: FastifyReply, output: unknown): FastifyReply {
  if (route.reply.kind === 'events' || route.reply.kind === 'duplex') return reply;
  if (route.location !== undefined)
    reply.header('location', locationOf(route.location, { ...asObject(request.params), ...asObject(output) }));
  if (route.reply.kind === 'empty') return reply.code(route.status).send();
  if (output instanceof WrittenJson) return reply.code(route.status).type(JSON_CONTENT_TYPE).send(output.bytes);
  const etag = etagOf(route, output);
  if (etag !== undefined) reply.header('etag', etag);
  const ifNoneMatch = request.headers['if-none-match'];
  // What the ETag says nothing of may have changed all the same.
  const isWhole = etag !== undefined && route.volatile === undefined;
  if (isWhole && ifNoneMatch !== undefined && matches(ifNoneMatch, etag)) return reply.code(304).send();
  return reply.code(route.status).send(output);
}

function parsePart(
  name: 'params' | 'query' | 'body',
  schema: z.ZodType | undefined,
  value: unknown,
): Record<string, unknown> {
  if (schema === undefined) return {};
  const place = name === 'params' ? 'path' : name;
  const result = schema.safeParse(value ?? (name === 'body' ? undefined : {}), { error: whatIsWrong });
  if (result.success) {
    if (isStorable(result.data)) return { [name]: result.data };
    throw new PlanetLabError(
      'malformed_request',
      `The request is malformed in its ${place}: a text contains a NUL or half of a character. Send valid Unicode without NUL.`,
      { details: { where: place } },
    );
  }
  const issue = result.error.issues[0];
  const where = [place, ...(issue?.path ?? [])].join('.');
  const isName = name === 'params' || /^(name|slice|node|site|image|person|email)$/.test(String(issue?.path.at(-1)));
  throw new PlanetLabError(
    isName && issue?.code === 'invalid_format' ? 'malformed_name' : 'malformed_request',
    `The request is malformed at ${where}: ${issue?.message ?? 'unknown'}.`,
    { details: { where } },
  );
}

/** Whether every text in it is Unicode that databases and files take. */
function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed() && !value.includes('\0');
  if (typeof value !== 'object' || value === null) return true;
  return Object.entries(value).every(([key, member]) => isStorable(key) && isStorable(member));
}

const asObject = (value: unknown): object => (typeof value === 'object' && value !== null ? value : {});

function requireStream(body: unknown): void {
  if (body instanceof Readable) return;
  throw new PlanetLabError('malformed_request', `Send a stream of frames, with content-type ${EXEC_CONTENT_TYPE}.`);
}

function signalOf(request: FastifyRequest, reply: FastifyReply): AbortSignal {
  const controller = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) controller.abort();
  });
  request.raw.once('aborted', () => controller.abort());
  return controller.signal;
}
