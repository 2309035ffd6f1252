import { Principal, SiteName, SliceName } from '@planetlab/model';
import { expect, it } from 'vitest';
import { mentionsOf } from './mentions.ts';

const slice = SliceName.parse('demo_x');

it('an event mentions who did it, to what, and all that it names', () => {
  const mentions = mentionsOf({
    actor: Principal.parse('person:ada@example.org'),
    subject: 'demo_x@tokyo',
    site: SiteName.parse('demo'),
    slice,
    before: { state: 'starting', leaseId: 'a6b1f3a0-0000-4000-8000-1234567890ab' },
    after: {
      added: 'bob@example.org',
      addresses: ['192.0.2.7', '2001:db8::7'],
      at: '2026-01-01T00:00:00Z',
      count: '17',
    },
  });
  expect(mentions).toEqual(
    expect.arrayContaining([
      'ada@example.org',
      'demo_x',
      'tokyo',
      'demo',
      'bob@example.org',
      '192.0.2.7',
      '2001:db8::7',
    ]),
  );
  expect(mentions).not.toContain('a6b1f3a0-0000-4000-8000-1234567890ab');
  expect(mentions).not.toContain('2026-01-01T00:00:00Z');
  expect(mentions).not.toContain('17');
  expect(mentions).not.toContain('starting');
});

it('sentences are no names, and neither depth nor number is without bound', () => {
  const actor = Principal.parse('service:plc');
  let deep: unknown = 'hidden';
  for (let depth = 0; depth < 100; depth++) deep = { deep };
  const many = Array.from({ length: 100_000 }, (_, index) => `node${index}`);
  const mentions = mentionsOf({ actor, subject: 'x', before: { deep, message: 'The node is off.' }, after: many });
  expect(mentions).not.toContain('hidden');
  expect(mentions).not.toContain('The node is off.');
  expect(mentions.length).toBeLessThanOrEqual(5000);
});
