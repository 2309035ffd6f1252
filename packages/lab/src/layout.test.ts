import { plausibleRttMs } from '@planetlab/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { labLayout, MAX_NODES, MAX_SUBNET_INDEX, wanTopology } from './layout.ts';

const inputs = fc.record({
  name: fc.stringMatching(/^[a-z0-9]{1,12}$/),
  nodes: fc.integer({ min: 1, max: MAX_NODES }),
  subnet: fc.integer({ min: 0, max: MAX_SUBNET_INDEX }),
});

describe('the layout of a lab', () => {
  it('begins with the five places of the tour', () => {
    const layout = labLayout({ name: 'lab', nodes: 5, subnet: 7 });
    expect(layout.nodes.map((node) => node.name)).toEqual(['princeton', 'berkeley', 'zurich', 'sao-paulo', 'tokyo']);
    expect(layout.hub).toMatchObject({ device: 'pl-lab', ipv4: '198.18.7.1', ipv6: 'fd70:6c61:7:1::1' });
    expect(layout.nodes[2]).toMatchObject({
      place: { city: 'Zürich', country: 'CH' },
      namespace: 'planetlab-lab-zurich',
      ipv4: '198.18.7.12',
      ipv6Prefix: 'fd70:6c61:7:12::/64',
      idBase: 300_000_000,
    });
  });

  it('never gives two machines the same name, address, prefix, namespace or ids', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { hub, nodes } = labLayout(input);
        const unique = (values: readonly unknown[]) => expect(new Set(values).size).toBe(values.length);
        unique(nodes.map((node) => node.name));
        unique(nodes.map((node) => node.namespace));
        unique([hub.ipv4, ...nodes.map((node) => node.ipv4)]);
        unique([hub.ipv6Prefix, ...nodes.map((node) => node.ipv6Prefix)]);
        unique(nodes.map((node) => node.idBase));
      }),
    );
  });

  it('stays within what the kernel accepts as names and ids', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const { hub, nodes } = labLayout(input);
        expect(hub.device.length).toBeLessThanOrEqual(15);
        for (const node of nodes) {
          expect(node.namespace.length).toBeLessThanOrEqual(64);
          expect(node.idBase + 100_000_000).toBeLessThan(2 ** 32 - 1);
        }
      }),
    );
  });

  it.each(['', 'My Lab', 'a-b', 'x'.repeat(13)])('refuses %j as a name', (name) => {
    expect(() => labLayout({ name, nodes: 5, subnet: 0 })).toThrow(/not a valid name of a lab/);
  });

  it.each([0, MAX_NODES + 1, 2.5])('refuses %d nodes', (nodes) => {
    expect(() => labLayout({ name: 'lab', nodes, subnet: 0 })).toThrow(/1 to 20 nodes/);
  });
});

describe('the topology of the wide-area network', () => {
  it('is symmetric, takes half a round trip one way, and ends with the hub', () => {
    fc.assert(
      fc.property(inputs, (input) => {
        const layout = labLayout(input);
        const { ports, oneWayMs } = wanTopology(layout);
        expect(ports.at(-1)).toMatchObject({ namespace: null, device: layout.hub.device });
        for (const [i, row] of oneWayMs.entries()) {
          expect(row).toHaveLength(ports.length);
          expect(row[i]).toBe(0);
          for (const [j, ms] of row.entries()) expect(ms).toBe(oneWayMs[j]?.[i]);
        }
      }),
    );
  });

  it('puts Princeton and Tokyo as far apart as they are', () => {
    const layout = labLayout({ name: 'lab', nodes: 5, subnet: 0 });
    const [princeton, , , , tokyo] = layout.nodes;
    if (princeton === undefined || tokyo === undefined) throw new Error('five nodes were asked for');
    expect(wanTopology(layout).oneWayMs[0]?.[4]).toBeCloseTo(plausibleRttMs(princeton.place, tokyo.place) / 2, 1);
  });
});
