import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { adminRoutes } from './node/admin-routes.ts';
import { nodeRoutes } from './node/routes.ts';
import { openApiDocument } from './openapi.ts';
import { joinRoutes, plcRoutes } from './plc/routes.ts';
import type { RouteTable } from './route.ts';

/** The parts of OpenAPI 3.1 that we use, and no others: a field that is not named here is a mistake. */
type JsonSchema = Exclude<Parameters<typeof z.fromJSONSchema>[0], boolean>;
const Schema = z.custom<JsonSchema>((value) => typeof value === 'object' && value !== null);
const Content = z.record(z.string().regex(/^[a-z]+\/[a-z.+-]+$/), z.strictObject({ schema: Schema.optional() }));
const Operation = z.strictObject({
  operationId: z.string().regex(/^[a-z][A-Za-z]+$/),
  summary: z.string().min(5),
  security: z.array(z.record(z.string(), z.array(z.string()))),
  parameters: z.array(
    z.strictObject({
      ...{ name: z.string(), in: z.enum(['path', 'query', 'header']), required: z.boolean(), schema: Schema },
      description: z.string().optional(),
    }),
  ),
  requestBody: z.strictObject({ required: z.literal(true), content: Content }).optional(),
  responses: z
    .record(
      z.string().regex(/^[2-5]\d\d$/),
      z.strictObject({
        description: z.string().min(1),
        content: Content.optional(),
        headers: z.record(z.string(), z.strictObject({ description: z.string(), schema: Schema })).optional(),
      }),
    )
    .refine((responses) => Object.keys(responses).some((status) => status.startsWith('2'))),
});
const Document = z.strictObject({
  openapi: z.literal('3.1.0'),
  info: z.strictObject({ title: z.string(), version: z.string() }),
  paths: z.record(
    z.string().regex(/^\/[a-z0-9/{}A-Z.-]*$/),
    z.strictObject({
      get: Operation.optional(),
      put: Operation.optional(),
      post: Operation.optional(),
      delete: Operation.optional(),
    }),
  ),
  components: z.strictObject({
    schemas: z.record(z.string(), Schema),
    securitySchemes: z.record(z.string(), z.record(z.string(), z.string())),
  }),
});

const tables: readonly (readonly [string, RouteTable])[] = [
  ['the PLC', plcRoutes],
  ['joining', joinRoutes],
  ['a node', nodeRoutes],
  ['a node’s administrator', adminRoutes],
];

describe.each(tables)('the OpenAPI document of %s', (_what, routes) => {
  // as it goes over the wire
  const document = Document.parse(JSON.parse(JSON.stringify(openApiDocument({ title: 'T', version: '1' }, routes))));
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.values(item).flatMap((operation) => (operation === undefined ? [] : [{ path, operation }])),
  );

  it('has an operation for every route, each under a name of its own', () => {
    const names = operations.map(({ operation }) => operation.operationId);
    expect(names.toSorted()).toEqual(Object.keys(routes).toSorted());
  });

  it('declares exactly the parameters that its paths have', () => {
    for (const { path, operation } of operations) {
      const inPath = operation.parameters.filter((parameter) => parameter.in === 'path');
      expect(inPath.map(({ name }) => name)).toEqual([...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name));
      expect(inPath.every(({ required }) => required)).toBe(true);
    }
  });

  it('refers only to what it has', () => {
    const at = (pointer: string) =>
      pointer
        .slice(2)
        .split('/')
        .reduce<unknown>((value, key) => (value as Record<string, unknown> | undefined)?.[key], document); // JSON
    for (const [, pointer = ''] of JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)) {
      expect(pointer).toMatch(/^#\/components\//);
      expect(at(pointer), pointer).toBeDefined();
    }
    const schemes = Object.keys(document.components.securitySchemes);
    for (const { operation } of operations)
      for (const scheme of operation.security.flatMap((one) => Object.keys(one))) expect(schemes).toContain(scheme);
  });

  it('has only schemas that a validator of JSON Schema reads', () => {
    const schemas = operations.flatMap(({ operation }): JsonSchema[] => [
      ...operation.parameters.map(({ schema }) => schema),
      ...[operation.requestBody, ...Object.values(operation.responses)]
        .flatMap((part) => Object.values(part?.content ?? {}))
        .map(({ schema }) => schema)
        .filter((schema) => schema !== undefined),
    ]);
    for (const schema of schemas.filter((one) => !('$ref' in one))) {
      expect(Object.keys(schema), 'says something').not.toEqual([]);
      expect(() => z.fromJSONSchema(schema), JSON.stringify(schema)).not.toThrow();
    }
  });
});

it('what the document allows is what the server takes', () => {
  const document = openApiDocument({ title: 'T', version: '1' }, plcRoutes);
  const text = JSON.stringify(document);
  expect(text).toContain('"pattern":"^[a-z0-9][a-z0-9.]{1,19}$"');
  const post = Document.parse(JSON.parse(text)).paths['/v1/sites']?.post;
  const body = z.fromJSONSchema(post?.requestBody?.content['application/json']?.schema ?? {});
  expect(body.safeParse({ name: 'eth', title: 'ETH' }).success).toBe(true);
  for (const wrong of [{ name: 'No Good', title: 'x' }, { name: 'eth' }, { name: 'eth', title: 'x', more: 1 }])
    expect(body.safeParse(wrong).success).toBe(false);
});
