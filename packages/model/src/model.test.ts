import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addResources,
  changedResources,
  DEFAULT_RESOURCES,
  ERROR_KINDS,
  formatDuration,
  formatMiB,
  formatTime,
  NodeName,
  PersonEmail,
  type Place,
  PlanetLabError,
  parseDuration,
  parseName,
  plausibleRttMs,
  Resources,
  ResourcesChange,
  SiteName,
  SliceName,
  siteOfSlice,
  sliverName,
  subtractResources,
} from './index.ts';

const zurich: Place = { city: 'Zürich', country: 'CH', latitude: 47.38, longitude: 8.54 };
const tokyo: Place = { city: 'Tokyo', country: 'JP', latitude: 35.68, longitude: 139.69 };

describe('names', () => {
  it.each(['princeton_codeen', 'a.b_c', 'mit_x_y.z', 'p2_0'])('take %s as a slice', (text) => {
    expect(parseName(SliceName, text)).toBe(text);
  });

  it.each([
    'Princeton_x',
    'princeton',
    '_x',
    'a_',
    'princeton_codeen!',
    'a b_c',
    'x_../../etc',
    '',
    `abc_${'x'.repeat(40)}`,
    'ab_-rf',
    '.a_b',
  ])('refuse %j as a slice with a sentence', (text) => {
    expect(() => parseName(SliceName, text)).toThrow(PlanetLabError);
    expect(() => parseName(SliceName, text)).toThrow(/is not a valid name/);
  });

  it('never let through what could be a path, an option or a shell word', () => {
    fc.assert(
      fc.property(fc.string(), fc.constantFrom(SliceName, NodeName, SiteName), (text, schema) => {
        if (schema.safeParse(text).success) expect(text).toMatch(/^[a-z0-9.][a-z0-9._-]*$/);
      }),
    );
  });

  it('know the site of a slice and the sliver on a node', () => {
    const slice = SliceName.parse('mit_ron_2');
    expect(siteOfSlice(slice)).toBe('mit');
    expect(sliverName(slice, NodeName.parse('tokyo'))).toBe('mit_ron_2@tokyo');
  });

  it('compare mail addresses in lower case', () => {
    expect(PersonEmail.parse('  Ada@Example.org ')).toBe('ada@example.org');
  });
});

describe('resources', () => {
  const amount = fc.integer({ min: 1, max: 9999 });
  const sums = fc.record({
    cpuReservedMillis: amount,
    memoryMiB: amount,
    diskMiB: amount,
    processes: amount,
    egressMinKbps: amount,
  });

  it('have the defaults of the original', () => {
    expect(DEFAULT_RESOURCES).toMatchObject({ cpuShares: 1, memoryMiB: 256, diskMiB: 5000, processes: 512 });
    expect(DEFAULT_RESOURCES).toMatchObject({ cpuReservedMillis: 0, egress: { maxKbps: 100_000 }, ports: [] });
  });

  it('refuse unknown members, so that a mistyped limit is not silently no limit', () => {
    expect(Resources.safeParse({ memoryMib: 12 }).success).toBe(false);
    expect(Resources.safeParse({ egress: { minKbps: 9, maxKbps: 8 } }).success).toBe(false);
  });

  it('change in parts, and only into what fits together', () => {
    const changed = changedResources(DEFAULT_RESOURCES, { memoryMiB: 512, egress: { maxKbps: 10 } });
    expect(changed).toEqual({
      ...DEFAULT_RESOURCES,
      memoryMiB: 512,
      egress: { ...DEFAULT_RESOURCES.egress, maxKbps: 10 },
    });
    expect(ResourcesChange.parse({})).toEqual({});
    expect(ResourcesChange.safeParse({ memoryMib: 512 }).success).toBe(false);
    expect(() => changedResources(DEFAULT_RESOURCES, { egress: { maxKbps: 1 } })).toThrow();
  });

  it('add and subtract each by itself', () => {
    fc.assert(
      fc.property(sums, sums, (a, b) => {
        expect(subtractResources(addResources(a, b), b)).toEqual(a);
      }),
    );
  });
});

describe('errors', () => {
  it('each say whose fault they are and have an HTTP status', () => {
    for (const kind of Object.values(ERROR_KINDS)) {
      expect(kind.status).toBeGreaterThanOrEqual(400);
      expect(kind.status).toBeLessThan(600);
      expect(kind.title.length).toBeGreaterThan(3);
    }
    expect(new PlanetLabError('insufficient_resources', 'x')).toMatchObject({ status: 409, fault: 'node' });
  });
});

describe('units and places', () => {
  it.each([
    [0, '0 ms'],
    [1500, '1.5 s'],
    [61_000, '1 min 1 s'],
    [5_400_000, '1 h 30 min'],
    [14 * 86_400_000, '2 w'],
    [13.2 * 86_400_000, '1 w 6 d'],
  ])('say %d ms as %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });

  it('say a time to the minute, whatever zone it was written in', () => {
    expect(formatTime('2026-03-01T13:04:59.999+01:00')).toBe('2026-03-01 12:04 UTC');
    expect(formatTime(new Date(0))).toBe('1970-01-01 00:00 UTC');
  });

  it('parse what people type for durations, and nothing else', () => {
    expect(parseDuration('2w')).toBe(14 * 86_400_000);
    expect(parseDuration('90s')).toBe(90_000);
    expect(parseDuration('soon')).toBeUndefined();
    expect(parseDuration('3')).toBeUndefined();
  });

  it('say sizes', () => {
    expect([formatMiB(512), formatMiB(5000), formatMiB(40_960)]).toEqual(['512 MiB', '4.9 GiB', '40 GiB']);
  });

  it('give plausible round-trip times: symmetric, and some 150 ms from Zürich to Tokyo', () => {
    expect(plausibleRttMs(zurich, tokyo)).toBeCloseTo(plausibleRttMs(tokyo, zurich), 6);
    expect(plausibleRttMs(zurich, tokyo)).toBeGreaterThan(120);
    expect(plausibleRttMs(zurich, tokyo)).toBeLessThan(180);
    expect(plausibleRttMs(zurich, zurich)).toBeCloseTo(2, 6);
  });
});
