import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { isListRoute, type RouteDefinition, type RouteOutput } from '../route.ts';
import { plcRoutes } from './routes.ts';

type Routes = typeof plcRoutes;
type Names<Wrong> = { [K in keyof Routes]: Routes[K] extends Wrong ? K : never }[keyof Routes];
type Lists = { [K in keyof Routes]: RouteOutput<Routes[K]> extends { next: string | null } ? K : never }[keyof Routes];

/** Does not compile while a route has something wrong; the error names it. */
type None<Wrong> = [Wrong] extends [never] ? 'none' : Wrong;
const withoutLocation: None<Exclude<Names<{ status: 201 | 202 }>, Names<{ location: string }>>> = 'none';
const withoutPages: None<Exclude<Lists, Names<{ query: z.ZodObject<{ after: z.ZodType }> }>>> = 'none';

it('the compiler looks at them first', () => {
  expect([withoutLocation, withoutPages]).toEqual(['none', 'none']);
});

const routes: readonly (readonly [string, RouteDefinition])[] = Object.entries(plcRoutes);

/** `/v1/slices/:name` and `/v1/slices/:slice` are the same place. */
const placeOf = (path: string): string => path.replaceAll(/:[A-Za-z.]+/g, ':');
const PLACES = new Set(routes.map(([, { path }]) => placeOf(path)));

const made = routes.filter(([, { status }]) => status === 201 || status === 202);
describe('a route that makes something', () => {
  it.each(made)('%s says where it is: give it a `location` that the table has', (_name, { location = '' }) => {
    expect(PLACES).toContain(placeOf(location));
  });
});

describe('a list', () => {
  it.each(routes.filter(([, route]) => isListRoute(route)))(
    '%s has pages: give its query `...paged`',
    (_name, route) => {
      expect(Object.keys(route.query?.shape ?? {})).toEqual(expect.arrayContaining(['limit', 'after']));
    },
  );
});

const SECRET = /token$|secret|password|recovery|^command$/i;
const holdsSecret = ({ reply }: RouteDefinition): boolean =>
  reply.kind === 'json' &&
  reply.schema instanceof z.ZodObject &&
  Object.keys(reply.schema.shape).some((name) => SECRET.test(name));

describe('a reply with a secret', () => {
  it.each(routes.filter(([, route]) => holdsSecret(route)))('%s is not kept: say `showsSecret`', (_name, route) => {
    expect(route.showsSecret).toBe(true);
  });
});

it('what is volatile is a member of what is read', () => {
  for (const [name, { reply, volatile = [] }] of routes) {
    const shape = reply.kind === 'json' && reply.schema instanceof z.ZodObject ? Object.keys(reply.schema.shape) : [];
    expect(shape, name).toEqual(expect.arrayContaining([...volatile]));
  }
});
