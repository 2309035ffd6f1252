import type { Sliver, SliverUsage } from '@planetlab/contract';
import { formatDuration, formatMiB, isPlanetLabError, portKey } from '@planetlab/model';
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

/** Limit, guarantee, use and throttling of each resource. */
export function usageFields({
  resources,
  cpu,
  memory,
  processes,
  disk,
  notices,
  ...used
}: SliverUsage): readonly Field[] {
  const { egress, ports } = resources;
  const sent = used.egress;
  return [
    [
      'CPU',
      line(
        `weight ${resources.cpuShares}`,
        resources.cpuReservedMillis > 0 && `${resources.cpuReservedMillis / 1000} cores reserved`,
        `at least ${(cpu.guaranteedMillis / 1000).toFixed(2)} cores when all are busy`,
        `used ${formatDuration(cpu.usedMs)}`,
      ),
    ],
    [
      'Memory',
      line(
        `${mebibytes(memory.usedMiB)} of ${formatMiB(resources.memoryMiB)}`,
        memory.peakMiB !== null && `at most ${mebibytes(memory.peakMiB)}`,
        memory.atLimit > 0 && `${memory.atLimit} times at the limit`,
        memory.killed > 0 && `programs ended by it: ${memory.killed}`,
      ),
    ],
    [
      'Processes',
      line(`${processes.used} of ${resources.processes}`, processes.refused > 0 && `${processes.refused} refused`),
    ],
    [
      'Disk',
      disk.usedMiB === null
        ? line(`limit ${formatMiB(disk.limitMiB)}`, 'not enforced by this node')
        : line(
            `${mebibytes(disk.usedMiB)} of ${formatMiB(disk.limitMiB)}`,
            disk.files !== null && disk.filesLimit !== null && `${disk.files} of ${disk.filesLimit} files`,
            `bound by ${disk.bound}`,
          ),
    ],
    [
      'Egress',
      line(
        `at least ${egress.minKbps} kbit/s`,
        `at most ${egress.maxKbps} kbit/s`,
        sent !== undefined && sent.ceilKbps < egress.maxKbps && `slowed to ${sent.ceilKbps} kbit/s today`,
        sent === undefined
          ? `${formatMiB(egress.dailyMiB)} a day`
          : `sent ${mebibytes(sent.sentTodayMiB)} of ${formatMiB(egress.dailyMiB)} today`,
        sent !== undefined && sent.dropped > 0 && `${sent.dropped} packets dropped`,
      ),
    ],
    [
      'Flows',
      line(
        `${resources.newFlowsPerSecond} new per second`,
        sent !== undefined && sent.refusedFlows > 0 && `${sent.refusedFlows} refused`,
      ),
    ],
    ['Ports', ports.length === 0 ? undefined : ports.map(portKey).join(', ')],
    ...notices.map(({ at, message }): Field => ['Notice', `${at}: ${message}`]),
  ];
}

const mebibytes = (mib: number): string => formatMiB(Number(mib.toFixed(mib < 10 ? 1 : 0)));
const line = (...parts: readonly (string | false)[]): string => parts.filter((part) => part !== false).join(', ');
