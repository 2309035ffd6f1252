import {
  formatKbps,
  formatMiB,
  type PortBinding,
  portKey,
  type Resources,
  type ResourcesChange,
} from '@planetlab/model';
import type { Command } from 'commander';
import { millis, rateKbps, sizeMiB, wholeNumber } from '../options.ts';
import { usageError } from '../usage.ts';

/** What each sliver of a slice may use, said by options: the same for one that is made and one that is changed. */
export interface LimitOptions {
  readonly memory?: number;
  readonly cpuShares?: number;
  readonly cpuReserved?: number;
  readonly disk?: number;
  readonly processes?: number;
  readonly egressMin?: number;
  readonly egressMax?: number;
  readonly egressShares?: number;
  readonly egressDaily?: number;
  readonly newFlows?: number;
}

export const limitOptions = (command: Command): Command =>
  command
    .option('--memory <size>', 'memory of each sliver, such as 512M', sizeMiB)
    .option('--cpu-shares <weight>', 'CPU weight; an ordinary sliver has 1', wholeNumber)
    .option('--cpu-reserved <cores>', 'guaranteed part of a core, such as 500m or 0.5', millis)
    .option('--disk <size>', 'disk of each sliver, such as 5G', sizeMiB)
    .option('--processes <count>', 'most processes and threads at once', wholeNumber)
    .option('--egress-min <rate>', 'guaranteed rate of sending, such as 500k or 2M (bits a second)', rateKbps)
    .option('--egress-max <rate>', 'highest rate of sending, such as 50M', rateKbps)
    .option('--egress-shares <weight>', "weight when the node's link is full; an ordinary sliver has 1", wholeNumber)
    .option('--egress-daily <size>', 'what each sliver may send in a day, such as 20G', sizeMiB)
    .option('--new-flows <count>', 'most new flows a second, out', wholeNumber);

/** Only what was said: the authority fills in the rest, or it stays as it is. */
export function limitsIn(options: LimitOptions): ResourcesChange {
  const { memory, cpuShares, cpuReserved, disk, processes, newFlows } = options;
  const egress = said({
    minKbps: options.egressMin,
    maxKbps: options.egressMax,
    shares: options.egressShares,
    dailyMiB: options.egressDaily,
  });
  return {
    memoryMiB: memory,
    cpuShares,
    cpuReservedMillis: cpuReserved,
    diskMiB: disk,
    processes,
    egress,
    newFlowsPerSecond: newFlows,
  };
}

/** The values when any of them was said. */
export const said = <T extends object>(values: T): T | undefined =>
  Object.values(values).every((value) => value === undefined) ? undefined : values;

/** The ports of a slice after some are added and others taken away; those that it has already may be added again. */
export function portsAfter(
  before: readonly PortBinding[],
  added: readonly PortBinding[],
  removed: readonly PortBinding[],
): PortBinding[] {
  const keys = new Set(before.map(portKey));
  const missing = removed.map(portKey).filter((key) => !keys.has(key));
  if (missing.length > 0) throw usageError(`It has no port ${missing.join(', ')}.`);
  const all = new Map([...before, ...added].map((port) => [portKey(port), port]));
  for (const port of removed) all.delete(portKey(port));
  return [...all.values()];
}

/** The limits of a sliver, by kind. */
export function limitsOf({ egress, ports, ...resources }: Resources): readonly (readonly [string, string])[] {
  const machine = [
    `${formatMiB(resources.memoryMiB)} memory`,
    `CPU weight ${resources.cpuShares}`,
    ...(resources.cpuReservedMillis > 0 ? [`${resources.cpuReservedMillis / 1000} reserved cores`] : []),
    `${formatMiB(resources.diskMiB)} disk`,
    `${resources.processes} processes`,
  ];
  const network = [
    `at least ${formatKbps(egress.minKbps)}`,
    `at most ${formatKbps(egress.maxKbps)}`,
    `weight ${egress.shares}`,
    `${formatMiB(egress.dailyMiB)} a day`,
    `${resources.newFlowsPerSecond} new flows a second`,
  ];
  return [
    ['Each sliver', machine.join(', ')],
    ['Egress', network.join(', ')],
    ...(ports.length === 0 ? [] : [['Ports', ports.map(portKey).join(', ')] as const]),
  ];
}
