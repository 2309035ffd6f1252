import { closeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setImmediate } from 'node:timers/promises';
import {
  createPollSet,
  isReadable,
  namespacePath,
  openTun,
  pollReadable,
  readPacket,
  writePacket,
} from '@planetlab/linux';
import { z } from 'zod';
import type { WanTopology } from '../layout.ts';
import { forward, type WanCounters, type WanDevices } from './forward.ts';

const WanTopologyFile = z
  .object({
    ports: z
      .array(
        z
          .object({
            name: z.string(),
            namespace: z.string().nullable(),
            device: z.string(),
            ipv4: z.ipv4(),
            ipv6Prefix: z.string(),
          })
          .strict(),
      )
      .min(1)
      .max(64),
    oneWayMs: z.array(z.array(z.number().min(0).max(10_000))),
  })
  .strict()
  .refine(
    ({ ports, oneWayMs }) => oneWayMs.length === ports.length && oneWayMs.every((row) => row.length === ports.length),
    'the latencies are not a square over the ports',
  );

/**
 * The emulated wide-area network: a process that owns the other end of each machine's TUN device and carries packets
 * between them. Runs until the signal; says what became of the packets.
 */
export async function runWan(topologyFile: string, signal: AbortSignal): Promise<WanCounters> {
  const topology = WanTopologyFile.parse(JSON.parse(await readFile(topologyFile, 'utf8')));
  const fds: number[] = [];
  try {
    for (const port of topology.ports) fds.push(openPort(port));
    return await forward({
      topology,
      devices: tunDevices(fds),
      nowMs: () => performance.now(),
      breathe: () => setImmediate(),
      signal,
    });
  } finally {
    for (const fd of fds) closeSync(fd);
  }
}

const openPort = ({ device, namespace }: WanTopology['ports'][number]): number =>
  openTun({ name: device, ...(namespace === null ? {} : { namespacePath: namespacePath(namespace) }) });

function tunDevices(fds: readonly number[]): WanDevices {
  const pollSet = createPollSet(fds);
  const fdOf = (port: number): number => fds[port] ?? -1;
  return {
    wait: (timeoutMs) => {
      pollReadable(pollSet, timeoutMs);
    },
    isReady: (port) => isReadable(pollSet, port),
    read: (port, buffer) => readPacket(fdOf(port), buffer),
    write: (port, packet) => writePacket(fdOf(port), packet, packet.length),
  };
}
