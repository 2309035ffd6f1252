import { expect, it } from 'vitest';
import { formatHostPort, isWildcard, parseHostPort } from './host-port.ts';

it.each(['127.0.0.1:8420', 'plc.example.org:443', '[::1]:8420'])('reads %s and writes it back', (text) => {
  expect(formatHostPort(parseHostPort(text))).toBe(text);
});

it.each(['', '8420', 'host', 'host:99999', '::1:8420', 'host:80/path'])('refuses %j', (text) => {
  expect(() => parseHostPort(text)).toThrow(/is not an address/);
});

it('knows the addresses nobody can be sent to', () => {
  expect(['0.0.0.0', '::', '127.0.0.1'].map(isWildcard)).toEqual([true, true, false]);
});
