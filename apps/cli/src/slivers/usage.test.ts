import type { SliverUsage } from '@planetlab/contract';
import { Resources } from '@planetlab/model';
import { expect, it } from 'vitest';
import { usageFields } from './usage.ts';

const AT = '2026-03-01T12:00:00.000Z';
const USAGE: SliverUsage = {
  at: AT,
  resources: Resources.parse({
    egress: { maxKbps: 1000, dailyMiB: 100, shares: 3 },
    ports: [{ protocol: 'tcp', port: 80 }],
  }),
  cpu: { usedMs: 1000, guaranteedMillis: 500, waitedMs: 61_000 },
  memory: { usedMiB: 1, peakMiB: null, waitedMs: null, atLimit: 0, killed: 0 },
  processes: { used: 3, refused: 4 },
  disk: { bound: 'btrfs-quota', usedMiB: 4999, limitMiB: 5000, files: null, filesLimit: null },
  egress: {
    ...{ sentTodayMiB: 81, ceilKbps: 200, slowedSince: AT, waited: 5, dropped: 6, refusedFlows: 7 },
    ...{ rateKbps: 150, flows: { used: 12, limit: 4096 } },
  },
  notices: [],
};

it('tells of each resource what held a sliver back', () => {
  const fields = Object.fromEntries(usageFields(USAGE).map(([name, value]) => [name, value]));
  expect(fields['CPU']).toContain('waited 1 min 1 s for a processor');
  expect(fields['Memory']).toContain("0 times at the limit, the node's kernel does not count waiting for memory");
  expect(fields['Processes']).toContain('4 refused');
  expect(fields['Disk']).toContain('full now, bound by btrfs-quota');
  expect(fields['Egress']).toContain(`slowed to 200 kbit/s since ${AT}, 5 packets waited, 6 dropped`);
  expect(fields['Egress']).toContain('weight 3, at least 8 kbit/s, at most 1 Mbit/s, in use 150 kbit/s');
  expect(fields['Flows']).toBe('12 of 4096, 200 new per second, 7 refused');
  expect(fields['Ports']).toContain('tcp/80');
});

it('says what the node has not counted', () => {
  const { egress, ...rest } = USAGE;
  const of = (usage: SliverUsage) => Object.fromEntries(usageFields(usage));
  const unknown = of({ ...rest, ...(egress && { egress: { ...egress, rateKbps: null, flows: null } }) });
  expect(unknown['Egress']).toContain('rate in use not counted');
  expect(unknown['Flows']).toBe('use not counted, 200 new per second, 7 refused');
  expect(of(rest)['Flows']).toContain('not counted by this node');
});
