import { whatIsWrong } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { adminRoutes } from './node/admin-routes.ts';
import { nodeRoutes } from './node/routes.ts';
import { joinRoutes, plcRoutes } from './plc/routes.ts';
import type { RouteDefinition } from './route.ts';

const said = (schema: z.ZodType, value: unknown): readonly string[] => {
  const result = schema.safeParse(value, { error: whatIsWrong });
  return result.success ? [] : result.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
};

const PLACE = { city: 'Bern', country: 'CH', latitude: 46.9, longitude: 7.4 };
const PORT = { protocol: 'tcp', port: 80 };

describe('what is wrong with a request', () => {
  it.each<[string, z.ZodType, unknown, string]>([
    [
      'a thing that is missing',
      plcRoutes.createSite.body,
      { name: 'demo' },
      'title: it is missing, and has to be a text',
    ],
    ['no body', plcRoutes.createSite.body, undefined, ': it is missing, and has to be an object'],
    [
      'a number for a text',
      plcRoutes.createSite.body,
      { name: 'demo', title: 7 },
      'title: it has to be a text, and is a number',
    ],
    [
      'an empty text',
      plcRoutes.createSite.body,
      { name: 'demo', title: '' },
      'title: it has to have at least 1 character',
    ],
    [
      'a long text',
      plcRoutes.createSite.body,
      { name: 'demo', title: 'x'.repeat(501) },
      'title: it has to have at most 500 characters',
    ],
    [
      'a name',
      plcRoutes.createSite.body,
      { name: 'No Site', title: 'x' },
      'name: a site name is 2 to 20 lower-case letters, digits or dots, such as "princeton"',
    ],
    [
      'what is not known',
      plcRoutes.createSite.body,
      { name: 'demo', title: 'x', pi: 1, tech: 2 },
      ': there is no "pi" or "tech" in it',
    ],
    [
      'a text for a number',
      plcRoutes.changeSite.body,
      { place: { ...PLACE, latitude: '46' } },
      'place.latitude: it has to be a number, and is a text',
    ],
    [
      'a number that is too big',
      plcRoutes.changeSite.body,
      { place: { ...PLACE, latitude: 91 } },
      'place.latitude: it has to be at most 90',
    ],
    ['a part of a number', plcRoutes.changeSite.body, { maxSlices: 1.5 }, 'maxSlices: it has to be a whole number'],
    [
      'a form of ours',
      plcRoutes.changeSite.body,
      { url: 'ftp://demo' },
      'url: an address of the web begins with http:// or https://',
    ],
    [
      'an address',
      plcRoutes.changeNode.body,
      { interfaces: [{ address: 'ten' }] },
      'interfaces.0.address: it has to be an IPv4 or IPv6 address, such as 192.0.2.7 or 2001:db8::7',
    ],
    [
      'an address that is missing',
      plcRoutes.changeNode.body,
      { interfaces: [{}] },
      'interfaces.0.address: it has to be an IPv4 or IPv6 address, such as 192.0.2.7 or 2001:db8::7',
    ],
    [
      'a choice',
      plcRoutes.changeResources.body,
      { ports: [{ ...PORT, protocol: 'sctp' }] },
      'ports.0.protocol: it has to be "tcp" or "udp"',
    ],
    ['a list', plcRoutes.changeResources.body, { ports: PORT }, 'ports: it has to be a list, and is an object'],
    ['an empty list', plcRoutes.createToken.body, { label: 'x', scopes: [] }, 'scopes: it has to have at least 1 item'],
    [
      'a time',
      plcRoutes.inviteNode.body,
      { expiresAt: 'tomorrow' },
      'expiresAt: it has to be a time, such as 2026-12-24T18:00:00Z',
    ],
    [
      'yes for true',
      plcRoutes.changeSettings.body,
      { signUpOpen: 'yes' },
      'signUpOpen: it has to be true or false, and is a text',
    ],
    [
      'neither of two forms',
      plcRoutes.selectNodes.body,
      { near: 'here' },
      'near: it has to be a latitude and a longitude in degrees, or a node by its name',
    ],
    [
      'a word for a number of the query',
      plcRoutes.listNodes.query,
      { limit: 'many' },
      'limit: it has to be a number, and is none',
    ],
    [
      'an id',
      plcRoutes.deleteToken.params,
      { token: '7' },
      'token: it has to be a UUID, such as 0c0ffee0-1111-4222-8333-444455556666',
    ],
    [
      'a key',
      nodeRoutes.setTags.body,
      { tags: { Rack: '7' } },
      'tags.Rack: the key "Rack" is not one that it may have: a tag is a word in lower case with digits and underscores, such as "rack"',
    ],
  ])('is said of %s', (_what, schema, value, sentence) => {
    expect(said(schema, value)).toEqual([sentence]);
  });

  const routes: readonly [string, RouteDefinition][] = [plcRoutes, joinRoutes, nodeRoutes, adminRoutes].flatMap(
    (table) => Object.entries(table),
  );
  it('is said in words of ours for every field of every route, whatever is put there', () => {
    const unsaid = routes.flatMap(([name, { params, query, body }]) =>
      [params, query, body].flatMap((schema) => (schema === undefined ? [] : foreignIn(schema, name))),
    );
    expect(unsaid).toEqual([]);
  });
});

const BAD = [
  undefined,
  null,
  -1,
  1.5,
  1e12,
  true,
  '',
  ' ',
  'No Such Thing!',
  'x'.repeat(70_000),
  [],
  ['?'],
  {},
  { a: 1 },
];
const FOREIGN =
  /^(Invalid|Too|Unrecognized|Expected)|expected|one of the things that it may be|the form that it has to have/;

/** What is said of bad values of this schema, and of those that it is made of, in words that are not ours or say nothing. */
function foreignIn(schema: z.core.$ZodType, where: string): readonly string[] {
  const own = BAD.flatMap((value) => said(schema as z.ZodType, value)) // every schema is one that parses
    .flatMap((line) => (FOREIGN.test(line.slice(line.indexOf(': ') + 2)) ? `${where} ${line}` : []));
  return [...new Set(own), ...partsOf(schema).flatMap(([part, name]) => foreignIn(part, `${where}.${name}`))];
}

function partsOf(schema: z.core.$ZodType): readonly (readonly [z.core.$ZodType, string])[] {
  const { def } = (schema as z.core.$ZodTypes)._zod; // one of those that zod has
  switch (def.type) {
    case 'object':
      return Object.entries(def.shape).map(([name, part]) => [part, name] as const);
    case 'array':
      return [[def.element, '0']];
    case 'record':
      return [[def.valueType, 'key']];
    case 'optional':
    case 'nullable':
    case 'default':
    case 'prefault':
    case 'readonly':
      return [[def.innerType, '']];
    case 'pipe':
      return [[def.in, '']];
    default:
      return [];
  }
}
