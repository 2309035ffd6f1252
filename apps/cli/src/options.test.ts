import { describe, expect, it } from 'vitest';
import { decimal, duration, instant, millis, portBindings, rateKbps, sizeMiB, wholeNumber } from './options.ts';

describe('option values', () => {
  it('reads ports, one after the other', () => {
    expect(portBindings('udp/53', portBindings('tcp/80'))).toEqual([
      { protocol: 'tcp', port: 80 },
      { protocol: 'udp', port: 53 },
    ]);
    for (const wrong of ['80', 'tcp/0', 'tcp/65536', 'tcp:80', '']) {
      expect(() => portBindings(wrong)).toThrow('such as tcp/80');
    }
  });

  it('are sizes with or without a unit', () => {
    expect(['512', '512M', '2G', '1.5GiB', '1t', '100mb'].map(sizeMiB)).toEqual([512, 512, 2048, 1536, 1_048_576, 100]);
    for (const wrong of ['', 'G', '1K', '-5', '5 cats']) expect(() => sizeMiB(wrong)).toThrow('such as 512M');
  });

  it('are rates, whose unit is always said', () => {
    expect(['500k', '10M', '1.5mbit', '1Gbit/s'].map(rateKbps)).toEqual([500, 10_000, 1500, 1_000_000]);
    for (const wrong of ['', '500', 'k', '-1k', '1MB']) expect(() => rateKbps(wrong)).toThrow('such as 500k');
  });

  it('are parts of a core', () => {
    expect(['500m', '0.5', '2', '250m'].map(millis)).toEqual([500, 500, 2000, 250]);
    for (const wrong of ['', 'm', '1M', '-1']) expect(() => millis(wrong)).toThrow('such as 500m');
  });

  it('are times and dates', () => {
    expect(duration('4w')).toBe(4 * 7 * 24 * 3600 * 1000);
    expect(() => duration('soon')).toThrow('such as 30s');
    expect(instant('2026-12-24')).toBe('2026-12-24T00:00:00.000Z');
    expect(instant('2026-12-24T18:00+01:00')).toBe('2026-12-24T17:00:00.000Z');
    for (const wrong of ['tomorrow', '24.12.2026', '2026-13-01', '2026']) expect(() => instant(wrong)).toThrow('date');
  });

  it('are numbers', () => {
    expect(wholeNumber('20')).toBe(20);
    expect(decimal('-73.9')).toBe(-73.9);
    for (const wrong of ['', 'x', '1.5']) expect(() => wholeNumber(wrong)).toThrow('whole number');
    expect(() => decimal(' ')).toThrow('number');
  });
});
