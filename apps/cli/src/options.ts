import { type Instant, PortBinding, parseDuration, toInstant } from '@planetlab/model';
import { InvalidArgumentError } from 'commander';
import { usageError } from './usage.ts';

/** Parsers of option values. What they refuse is wrong usage, in the parser's words. */

export function wholeNumber(text: string): number {
  if (!/^\d{1,12}$/.test(text)) throw new InvalidArgumentError('It is a whole number.');
  return Number(text);
}

export function decimal(text: string): number {
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It is a number.');
  return value;
}

export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('It is a time such as 30s, 15min, 2h, 14d or 8w.');
  return ms;
}

const MIB: Readonly<Record<string, number>> = { '': 1, m: 1, g: 1024, t: 1024 * 1024 };

/** `512`, `512M`, `2G`, `2GiB` as MiB. */
export function sizeMiB(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([mgt]?)(?:ib|b)?$/i.exec(text.trim());
  const unit = MIB[match?.[2]?.toLowerCase() ?? ''];
  if (match === null || unit === undefined) throw new InvalidArgumentError('It is a size such as 512M or 2G.');
  return Math.round(Number(match[1]) * unit);
}

/** `500m` or `0.5` (cores) as thousandths of a core. */
export function millis(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(m?)$/.exec(text.trim());
  if (match === null) throw new InvalidArgumentError('It is a part of a core such as 500m or 0.5.');
  return Math.round(Number(match[1]) * (match[2] === 'm' ? 1 : 1000));
}

const KBPS: Readonly<Record<string, number>> = { k: 1, m: 1000, g: 1_000_000 };

/** `500k`, `10M`, `1Gbit` (bits a second, in thousands) as kbit/s. */
export function rateKbps(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmg])(?:bit(?:\/s)?)?$/i.exec(text.trim());
  const unit = KBPS[match?.[2]?.toLowerCase() ?? ''];
  if (match === null || unit === undefined) throw new InvalidArgumentError('It is a rate such as 500k or 10M.');
  return Math.round(Number(match[1]) * unit);
}

/** `2026-12-24` (00:00 UTC of that day) or a full RFC 3339 instant. */
export function instant(text: string): Instant {
  const form = /^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2}))?$/;
  const ms = form.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms)) throw new InvalidArgumentError('It is a date such as 2026-12-24 or 2026-12-24T18:00Z.');
  return toInstant(ms);
}

/** `tcp/80` and `udp/53`; may be given several times. */
export function portBindings(text: string, before: readonly PortBinding[] = []): PortBinding[] {
  const match = /^(tcp|udp)\/(\d{1,5})$/.exec(text);
  const binding = PortBinding.safeParse({ protocol: match?.[1], port: Number(match?.[2]) });
  if (!binding.success) throw new InvalidArgumentError('It is a port such as tcp/80 or udp/53.');
  return [...before, binding.data];
}

/** `rack=7` as a key and its value, which may be empty or have further signs of equality. */
export function keyValue(text: string): { readonly key: string; readonly value: string } {
  const at = text.indexOf('=');
  if (at <= 0) throw usageError(`${JSON.stringify(text)} is not of the form KEY=VALUE, such as rack=7.`);
  return { key: text.slice(0, at), value: text.slice(at + 1) };
}

/** Collects an option that may be given several times. */
export const several = (text: string, before: readonly string[] = []): string[] => [...before, text];
