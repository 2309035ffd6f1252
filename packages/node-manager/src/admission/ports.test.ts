import { Resources } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { slice } from '../testing/fixtures.ts';
import { admitPorts } from './ports.ts';

const tcp = (port: number) => ({ protocol: 'tcp' as const, port });
const facts = {
  live: [{ slice: slice('a1_x'), resources: Resources.parse({ ports: [tcp(8080)] }) }],
  own: new Set(['tcp/22', 'tcp/8443']),
};

describe('port bindings', () => {
  it('are granted when nobody has them', () => {
    expect(() => admitPorts([tcp(80), { protocol: 'udp', port: 8080 }], facts)).not.toThrow();
  });

  it('are refused by the name of their holder', () => {
    expect(() => admitPorts([tcp(80), tcp(8080)], facts)).toThrow(
      expect.objectContaining({ code: 'conflict', details: { port: 'tcp/8080', holder: 'a1_x' } }),
    );
  });

  it('are never those that the node needs itself', () => {
    for (const port of [22, 8443, 32_768, 60_999]) {
      expect(() => admitPorts([tcp(port)], facts)).toThrow(expect.objectContaining({ code: 'admission_refused' }));
    }
    expect(() => admitPorts([tcp(32_767), tcp(61_000)], facts)).not.toThrow();
  });
});
