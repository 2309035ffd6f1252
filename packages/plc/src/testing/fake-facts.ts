import type { NodeFacts } from '@planetlab/contract';
import { DEFAULT_RESOURCES, ImageName, NO_RESOURCES, sumsOf, toInstant } from '@planetlab/model';
import type { JoinedNode } from './join.ts';

/** What a node of tests says of itself. */
export const fakeFacts = ({ reply, name }: JoinedNode, slivers: number, bootId: string): NodeFacts => ({
  ...{ id: reply.nodeId, name, version: '0', kernel: 'none', architecture: 'none', bootId, slivers },
  clock: toInstant(Date.now()),
  startedAt: toInstant(Date.now()),
  sensors: {
    at: toInstant(Date.now()),
    ...{ load: 0.25, coresIdle: 1.5, memoryAvailableMiB: 900, diskAvailableMiB: 5000 },
  },
  vmm: { driver: 'fake', detail: 'for tests', simulated: true },
  capacity: sumsOf(DEFAULT_RESOURCES),
  leased: NO_RESOURCES,
  ...{ place: null, ipv4: null, ipv6Prefix: null },
  ssh: { host: '198.51.100.7', port: 22 },
  images: [ImageName.parse('debian-12')],
  features: [
    { feature: 'shaping', available: true, reason: 'It was tried.' },
    { feature: 'checkpoints', available: false, reason: 'Its kernel has none.' },
  ],
});
