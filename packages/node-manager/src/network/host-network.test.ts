import { describe, expect, it } from 'vitest';
import { parseResolvers } from './host-network.ts';

describe('name servers', () => {
  it('are those that slivers can ask', () => {
    const text = `# by hand
nameserver 10.0.0.53
nameserver 127.0.0.53
nameserver ::1
nameserver fe80::1%eth0
  nameserver 2001:db8::53
nameserver 10.0.0.53
search example.org
`;
    expect(parseResolvers(text)).toEqual(['10.0.0.53', '2001:db8::53']);
  });
});
