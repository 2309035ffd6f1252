import { NodeName } from '@planetlab/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatJoinToken, hashSecret, newSecret, parseJoinToken } from './index.ts';
import { codeOf, NOW_MS } from './testing.ts';

const token = {
  address: 'plc.example.org:7443',
  fingerprint: 'ab'.repeat(32),
  node: NodeName.parse('planetlab1.princeton'),
  secret: newSecret(),
  expiresAtMs: NOW_MS,
};
const textOf = (value: unknown) => `pljoin_${Buffer.from(JSON.stringify(value)).toString('base64url')}`;

describe('a join token', () => {
  it('is one word that no shell touches, and reads back as it was written, also with white space around it', () => {
    for (const address of ['plc.example.org:7443', '192.0.2.7:1', '[2001:db8::1]:65535', 'a.example.org:1,[::1]:2']) {
      const text = formatJoinToken({ ...token, address });
      expect(text).toMatch(/^pljoin_[A-Za-z0-9_-]+$/);
      expect(parseJoinToken(`  ${text}\n`)).toEqual({ ...token, address });
    }
  });

  it('is refused when a part of it is malformed, missing or too much', () => {
    const wrong = [
      { ...token, address: 'plc.example.org' },
      { ...token, address: 'plc.example.org:1,' },
      { ...token, address: Array(9).fill('plc.example.org:1').join(',') },
      { ...token, address: 'plc.example.org:0' },
      { ...token, address: 'plc.example.org:65536' },
      { ...token, address: 'https://plc.example.org:1' },
      { ...token, address: 'a b:1' },
      { ...token, fingerprint: 'AB'.repeat(32) },
      { ...token, node: 'Not A Name' },
      { ...token, secret: 'short' },
      { ...token, expiresAtMs: 'soon' },
      { ...token, more: 1 },
      {},
      [],
      null,
    ];
    for (const value of wrong) expect(codeOf(() => parseJoinToken(textOf(value)))).toBe('join_token_invalid');
  });

  it('is refused when it was cut, and for any other text', () => {
    const text = formatJoinToken(token);
    const refuse = (input: string): void => {
      expect(
        codeOf(() => parseJoinToken(input)),
        input,
      ).toBe('join_token_invalid');
    };
    fc.assert(fc.property(fc.nat(text.length - 1), (length) => refuse(text.slice(0, length))));
    fc.assert(fc.property(fc.string({ unit: 'binary' }), (noise) => refuse(noise)));
    fc.assert(fc.property(fc.json(), (json) => refuse(`pljoin_${Buffer.from(json).toString('base64url')}`)));
    refuse('x'.repeat(1_000_000));
    refuse(textOf('['.repeat(500)));
  });
});

describe('secrets', () => {
  it('are 256 random bits, and their hash does not tell them', () => {
    expect(newSecret()).toMatch(/^[A-Za-z0-9_-]{43}$/);
    expect(newSecret()).not.toBe(newSecret());
    expect(hashSecret('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });
});
