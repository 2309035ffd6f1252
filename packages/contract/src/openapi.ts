import { ERROR_KINDS, type ErrorCode } from '@planetlab/model';
import { z } from 'zod';
import { EXEC_CONTENT_TYPE } from './exec-frames.ts';
import { PROBLEM_CONTENT_TYPE, Problem } from './problem.ts';
import { isChangeRoute, isResourceRoute, type RouteDefinition, type RouteTable } from './route.ts';

type Json = Record<string, unknown>;

/** The OpenAPI 3.1 document of a route table: what a server serves at `/v1/openapi.json`. */
export function openApiDocument(info: { readonly title: string; readonly version: string }, routes: RouteTable): Json {
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries(routes)) {
    const path = route.path.replaceAll(/:([A-Za-z]+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) };
  }
  return {
    openapi: '3.1.0',
    info,
    paths,
    components: {
      schemas: { Problem: schemaOf(Problem) },
      securitySchemes: {
        person: { type: 'http', scheme: 'bearer', description: 'An API token of a person' },
        session: { type: 'apiKey', in: 'cookie', name: 'planetlab_session' },
        credential: {
          type: 'http',
          scheme: 'dpop',
          description: 'A slice credential, with a proof of possession (RFC 9449)',
        },
      },
    },
  };
}

function operation(name: string, route: RouteDefinition): Json {
  return {
    operationId: name,
    summary: route.summary,
    security: SECURITY[route.access],
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query'), ...headerParameters(route)],
    ...requestBody(route),
    responses: {
      [String(route.status)]: { ...success(route), headers: replyHeaders(route) },
      ...(hasWholeETag(route) ? { '304': { description: 'It is as `If-None-Match` says' } } : {}),
      ...problems([...expected(route), ...route.errors]),
    },
  };
}

function requestBody(route: RouteDefinition): Json {
  if (route.reply.kind === 'duplex') return { requestBody: { required: true, content: { [EXEC_CONTENT_TYPE]: {} } } };
  if (route.body === undefined) return {};
  return {
    requestBody: { required: true, content: { 'application/json': { schema: schemaOf(route.body, 'input') } } },
  };
}

/** What any route of its kind may answer, besides what it adds. */
const ANY: readonly ErrorCode[] = ['malformed_request', 'malformed_name', 'internal'];
const BY_ACCESS = {
  public: ['too_many_requests', 'database_unavailable'],
  person: ['not_signed_in', 'forbidden', 'scope_insufficient', 'too_many_requests', 'database_unavailable'],
  credential: [
    'credential_missing',
    'credential_invalid',
    'credential_foreign',
    'credential_expired',
    'credential_insufficient',
    'proof_invalid',
    'proof_replayed',
    'clock_skew',
  ],
  local: [],
} as const satisfies Record<RouteDefinition['access'], readonly ErrorCode[]>;

const expected = (route: RouteDefinition): readonly ErrorCode[] => [
  ...ANY,
  ...(route.body === undefined ? [] : (['body_too_large'] as const)),
  ...BY_ACCESS[route.access],
  ...(isChangeRoute(route) ? CHANGES : []),
];
/** What the conventions answer to a change, and any change to what somebody else removes meanwhile. */
const CHANGES = ['conflict', 'precondition_failed', 'idempotency_key_reused', 'idempotency_reply_gone'] as const;

const SECURITY = {
  public: [],
  person: [{ person: [] }, { session: [] }],
  credential: [{ credential: [] }],
  local: [],
} as const;

function parameters(schema: z.ZodObject | undefined, place: 'path' | 'query'): Json[] {
  if (schema === undefined) return [];
  return Object.entries(schema.shape).map(([name, field]) => ({
    name,
    in: place,
    required: place === 'path' || !field.safeParse(undefined).success,
    schema: schemaOf(field, 'input'),
  }));
}

const HEADER_PARAMETERS = {
  'Idempotency-Key':
    'New for each change: repeated with the same key, body and person within a day, it is done once and answered alike',
  'If-Match': 'ETag of the thing that is changed: nothing is done when it was changed since',
  'If-None-Match': 'ETag that the caller has: 304 when it is still the one',
} as const;

const header = (name: keyof typeof HEADER_PARAMETERS): Json => ({
  name,
  in: 'header',
  required: false,
  description: HEADER_PARAMETERS[name],
  schema: { type: 'string' },
});

const hasWholeETag = (route: RouteDefinition): boolean => isResourceRoute(route) && route.volatile === undefined;

function headerParameters(route: RouteDefinition): Json[] {
  if (isChangeRoute(route)) return [header('Idempotency-Key'), header('If-Match')];
  return hasWholeETag(route) ? [header('If-None-Match')] : [];
}

const textHeader = (description: string): Json => ({ description, schema: { type: 'string' } });
const numberHeader = (description: string): Json => ({ description, schema: { type: 'integer' } });
const LIMIT_HEADERS = {
  'RateLimit-Limit': numberHeader('Requests in a minute'),
  'RateLimit-Remaining': numberHeader('How many of them are left'),
  'RateLimit-Reset': numberHeader('Seconds until all of them are there again'),
};

function replyHeaders(route: RouteDefinition): Json {
  if (route.access !== 'person' && route.access !== 'public') return {};
  return {
    ...LIMIT_HEADERS,
    ...(route.location === undefined ? {} : { Location: textHeader('Where what it made is') }),
    ...(isResourceRoute(route) ? { ETag: textHeader('For If-Match; changes when the thing is changed') } : {}),
  };
}

function success(route: RouteDefinition): Json {
  switch (route.reply.kind) {
    case 'json':
      return { description: 'Success', content: { 'application/json': { schema: schemaOf(route.reply.schema) } } };
    case 'events':
      return {
        description: 'Server-sent events; the data of each has this schema',
        content: { 'text/event-stream': { schema: schemaOf(route.reply.schema) } },
      };
    case 'duplex':
      return { description: 'Frames in both directions', content: { [EXEC_CONTENT_TYPE]: {} } };
    case 'empty':
      return { description: 'Success, no content' };
  }
}

function problems(codes: readonly ErrorCode[]): Json {
  const byStatus = Map.groupBy(new Set(codes), (code) => ERROR_KINDS[code].status);
  const entries = [...byStatus].map(([status, group]) => [
    String(status),
    {
      description: group.map((code) => `\`${code}\`: ${ERROR_KINDS[code].title}`).join('; '),
      content: { [PROBLEM_CONTENT_TYPE]: { schema: { $ref: '#/components/schemas/Problem' } } },
    },
  ]);
  return Object.fromEntries(entries) as Json; // string keys, by construction
}

function schemaOf(schema: z.ZodType, io: 'input' | 'output' = 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any', reused: 'inline' });
  return rest;
}
