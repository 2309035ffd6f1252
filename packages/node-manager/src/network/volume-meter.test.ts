import { generateKeyPair } from '@planetlab/credentials';
import { DAY_MS, Egress } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { NOW_MS, newId, slice, storeIn, temporaryFolder } from '../testing/fixtures.ts';
import { createVolumeMeter, type VolumeStore } from './volume-meter.ts';

const MIB = 1024 * 1024;
const name = slice('a1_x');
const egress = Egress.parse({ dailyMiB: 100, maxKbps: 50_000 });

function setUp() {
  const folder = temporaryFolder();
  const key = generateKeyPair();
  const clock = { nowMs: NOW_MS };
  const told: string[] = [];
  const disk = { isFull: false };
  let store = storeIn(folder.path, key);
  const saving: VolumeStore = {
    volumes: () => store.volumes(),
    forgetVolumes: (slices) => store.forgetVolumes(slices),
    saveVolumes(records) {
      if (disk.isFull) throw new Error('no room');
      store.saveVolumes(records);
    },
  };
  const open = () => createVolumeMeter({ store: saving, now: () => clock.nowMs, tell: (of) => told.push(of) });
  let meter = open();
  return {
    ...{ clock, told, disk, meter: () => meter },
    sent: (lease: ReturnType<typeof newId>, mib: number) =>
      meter.take([
        {
          ...{ slice: name, lease, egress },
          counters: { sentBytes: mib * MIB, sentPackets: 1, droppedPackets: 0, throttled: 0 },
        },
      ]),
    sentMiB: () => meter.usage(name).sentBytes / MIB,
    restart() {
      store.close();
      store = storeIn(folder.path, key);
      meter = open();
    },
    [Symbol.dispose]() {
      store.close();
      folder[Symbol.dispose]();
    },
  };
}

describe('counting what is sent', () => {
  it('goes on where it was after a restart of the manager, and of the machine', () => {
    using node = setUp();
    const lease = newId();
    node.sent(lease, 10);
    node.restart();
    node.sent(lease, 30);
    expect(node.sentMiB()).toBe(30);
    node.restart();
    node.sent(lease, 5); // the classes were made anew
    expect(node.sentMiB()).toBe(35);
  });

  it('slows from 80 % on and tells once a day', () => {
    using node = setUp();
    const lease = newId();
    expect(node.sent(lease, 79)).toBe(false);
    expect(node.meter().ceilKbps(name, egress)).toBe(50_000);
    expect(node.sent(lease, 81)).toBe(true);
    expect(node.meter().ceilKbps(name, egress)).toBeLessThan(50_000);
    node.restart();
    node.sent(lease, 82);
    expect(node.told).toEqual([name]);
    node.clock.nowMs += DAY_MS;
    node.sent(lease, 83);
    expect(node.meter().ceilKbps(name, egress)).toBe(50_000);
    node.sent(lease, 83 + 81);
    expect(node.told).toEqual([name, name]);
  });

  it('slows on a full disk as well, and tells once there is room', () => {
    using node = setUp();
    const lease = newId();
    node.sent(lease, 79);
    node.disk.isFull = true;
    expect(() => node.sent(lease, 81)).toThrow('no room');
    expect(node.meter().ceilKbps(name, egress)).toBeLessThan(50_000);
    expect(node.told).toEqual([]);
    node.disk.isFull = false;
    node.sent(lease, 81);
    node.sent(lease, 82);
    expect(node.told).toEqual([name]);
    node.restart();
    expect(node.sentMiB()).toBe(82);
  });

  it('does not begin anew when a sliver is deleted and made again within the day', () => {
    using node = setUp();
    node.sent(newId(), 90);
    node.meter().take([]); // it is gone
    node.restart();
    node.clock.nowMs += DAY_MS / 2;
    expect(node.sentMiB()).toBe(90);
    node.sent(newId(), 1);
    expect(node.sentMiB()).toBe(91);
    node.clock.nowMs += DAY_MS / 2;
    node.meter().take([]);
    expect(node.sentMiB()).toBe(0);
  });
});
