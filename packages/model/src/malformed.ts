import type { z } from 'zod';

type Issue = z.core.$ZodRawIssue;

/**
 * What is wrong with a value, in words that go on from where it stands: `The request is malformed at body.count: it has
 * to be a whole number, and is a text`. For `safeParse(value, { error: whatIsWrong })`; a schema's own sentence comes first.
 */
export function whatIsWrong(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(issue.expected, issue.input);
    case 'invalid_value':
      return `it has to be ${oneOf(issue.values.map((value) => JSON.stringify(value) ?? 'left out'))}`;
    case 'too_small':
      return limit(issue.origin, issue.minimum, issue.inclusive === false ? 'more than' : 'at least');
    case 'too_big':
      return limit(issue.origin, issue.maximum, issue.inclusive === false ? 'less than' : 'at most');
    case 'not_multiple_of':
      return `it has to be a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return FORMS[issue.format] ?? 'it does not have the form that it has to have';
    case 'unrecognized_keys':
      return `there is no ${oneOf(issue.keys.map((key) => JSON.stringify(key)))} in it`;
    case 'invalid_key':
      return `the key ${JSON.stringify(issue['path']?.at(-1))} is not one that it may have: ${issue.issues[0]?.message}`;
    default:
      return 'it is not one of the things that it may be';
  }
}

const FORMS: Readonly<Record<string, string>> = {
  datetime: 'it has to be a time, such as 2026-12-24T18:00:00Z',
  email: 'it has to be a mail address, such as ada@example.org',
  ipv4: 'it has to be an IPv4 address, such as 192.0.2.7',
  ipv6: 'it has to be an IPv6 address, such as 2001:db8::7',
  url: 'it has to be an address of the web, such as https://example.org',
  uuid: 'it has to be a UUID, such as 0c0ffee0-1111-4222-8333-444455556666',
};

const TYPES: Readonly<Record<string, string>> = {
  array: 'a list',
  boolean: 'true or false',
  int: 'a whole number',
  number: 'a number',
  object: 'an object',
  record: 'an object',
  string: 'a text',
};

function wrongType(expected: string, input: unknown): string {
  const wanted = TYPES[expected] ?? expected;
  if (input === undefined) return `it is missing, and has to be ${wanted}`;
  if (expected === 'int' && typeof input === 'number') return `it has to be ${wanted}`;
  return `it has to be ${wanted}, and is ${typeOf(input)}`;
}

function typeOf(input: unknown): string {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'number' && Number.isNaN(input)) return 'none';
  return typeof input === 'boolean' ? String(input) : (TYPES[typeof input] ?? typeof input);
}

function limit(origin: string, bound: number | bigint, words: string): string {
  const many = (one: string) => `it has to have ${words} ${bound} ${bound === 1 ? one : `${one}s`}`;
  if (origin === 'string') return many('character');
  if (origin === 'array' || origin === 'set') return many('item');
  return `it has to be ${words} ${bound}`;
}

/** `"a"`; `"a" or "b"`; `"a", "b" or "c"`. */
function oneOf(values: readonly string[]): string {
  const last = values.at(-1) ?? 'nothing';
  return values.length < 2 ? last : `${values.slice(0, -1).join(', ')} or ${last}`;
}
