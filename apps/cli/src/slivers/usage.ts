import type { Sliver, SliverUsage } from '@planetlab/contract';
import { formatDuration, formatKbps, formatMiB, isPlanetLabError, portKey } from '@planetlab/model';
import type { Field } from '../output/printer.ts';
import type { Plc } from '../session/client.ts';

/** What a sliver uses, asked of its node; undefined when the node cannot say, which is no reason not to show the rest. */
export async function usageOf({ client }: Plc, { slice, node }: Sliver): Promise<SliverUsage | undefined> {
  try {
    return await client.getUsage({ params: { slice, node } });
  } catch (error) {
    if (isPlanetLabError(error)) return undefined;
    throw error;
  }
}

/** Limit, guarantee, use and throttling of each resource; what the node's kernel does not tell is said to be so. */
export function usageFields(usage: SliverUsage): readonly Field[] {
  const { resources, processes, notices } = usage;
  const { ports } = resources;
  return [
    ['CPU', cpuLine(usage)],
    ['Memory', memoryLine(usage)],
    ['Processes', line(`${processes.used} of ${resources.processes}`, `${processes.refused} refused`)],
    ['Disk', diskLine(usage)],
    ['Egress', egressLine(usage)],
    ['Flows', flowsLine(usage)],
    ['Ports', ports.length === 0 ? 'none bound' : `${ports.map(portKey).join(', ')}, its own on this node`],
    ...notices.map(({ at, message }): Field => ['Notice', `${at}: ${message}`]),
  ];
}

const cpuLine = ({ resources, cpu }: SliverUsage): string =>
  line(
    `weight ${resources.cpuShares}`,
    resources.cpuReservedMillis > 0 && `${resources.cpuReservedMillis / 1000} cores reserved`,
    `at least ${(cpu.guaranteedMillis / 1000).toFixed(2)} cores when all are busy`,
    `used ${formatDuration(cpu.usedMs)}`,
    waited(cpu.waitedMs, 'a processor'),
  );

const memoryLine = ({ resources, memory }: SliverUsage): string =>
  line(
    `${mebibytes(memory.usedMiB)} of ${formatMiB(resources.memoryMiB)}`,
    memory.peakMiB !== null && `at most ${mebibytes(memory.peakMiB)}`,
    `${memory.atLimit} times at the limit`,
    waited(memory.waitedMs, 'memory'),
    `programs ended by it: ${memory.killed}`,
  );

const waited = (ms: number | null, what: string): string =>
  ms === null ? `the node's kernel does not count waiting for ${what}` : `waited ${formatDuration(ms)} for ${what}`;

function diskLine({ disk }: SliverUsage): string {
  const { usedMiB, limitMiB, files, filesLimit, bound } = disk;
  if (usedMiB === null) return line(`limit ${formatMiB(limitMiB)}`, 'not enforced by this node, and use not counted');
  const full = usedMiB >= limitMiB * FULL || (files !== null && filesLimit !== null && files >= filesLimit);
  return line(
    `${mebibytes(usedMiB)} of ${formatMiB(limitMiB)}`,
    files !== null && (filesLimit === null ? `${files} files` : `${files} of ${filesLimit} files`),
    full && 'full now',
    `bound by ${bound}`,
  );
}

/** A file system keeps a little for itself. */
const FULL = 0.99;

function egressLine({ resources: { egress }, egress: sent }: SliverUsage): string {
  const { shares, minKbps, maxKbps } = egress;
  const limits = [`weight ${shares}`, `at least ${formatKbps(minKbps)}`, `at most ${formatKbps(maxKbps)}`];
  if (sent === undefined)
    return line(...limits, `${formatMiB(egress.dailyMiB)} a day`, 'not enforced by this node, and not counted');
  const since = sent.slowedSince === null ? '' : ` since ${sent.slowedSince}`;
  return line(
    ...limits,
    sent.rateKbps === null ? 'rate in use not counted' : `in use ${formatKbps(sent.rateKbps)}`,
    `sent ${mebibytes(sent.sentTodayMiB)} of ${formatMiB(egress.dailyMiB)} today`,
    sent.ceilKbps < egress.maxKbps ? `slowed to ${formatKbps(sent.ceilKbps)}${since}` : 'not slowed',
    `${sent.waited} packets waited`,
    `${sent.dropped} dropped`,
  );
}

function flowsLine({ resources, egress }: SliverUsage): string {
  const limit = `${resources.newFlowsPerSecond} new per second`;
  if (egress === undefined) return line(limit, 'use and what was refused are not counted by this node');
  const { flows, refusedFlows } = egress;
  return line(flows === null ? 'use not counted' : `${flows.used} of ${flows.limit}`, limit, `${refusedFlows} refused`);
}

const mebibytes = (mib: number): string => formatMiB(Number(mib.toFixed(mib < 10 ? 1 : 0)));
const line = (...parts: readonly (string | false)[]): string => parts.filter((part) => part !== false).join(', ');
