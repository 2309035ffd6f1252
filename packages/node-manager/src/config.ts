import { readFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import { Place, PlanetLabError, whatIsWrong } from '@planetlab/model';
import { z } from 'zod';
import { parseIpv4Range } from './slivers/addresses.ts';

/** `host:port`; IPv6 in brackets. */
const Endpoint = z.string().regex(/^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/, 'an address is host:port');

/** `STATE/config.json`: what the owner of the machine says about it. Everything has a default. */
export const NodeConfig = z
  .object({
    /** `auto` takes containers where the host can run them, else the simulation. */
    vmm: z.enum(['oci', 'simulated', 'auto']).default('auto'),
    /** Where images are; may be shared by several node managers. */
    imagesDir: z.string().startsWith('/').default('/var/lib/planetlab/images'),
    /** The node's own address, as others reach it. */
    ipv4: z.ipv4().nullable().default(null),
    /** Routed to this node; each sliver gets an address from it. The node itself has `::1` of it. */
    ipv6Prefix: z
      .string()
      .refine(
        (text) => text.endsWith('::/64') && isIPv6(text.slice(0, -3)),
        'an IPv6 prefix is like "2001:db8:1:2::/64"',
      )
      .nullable()
      .default(null),
    /** Private addresses of slivers, hidden behind the node's own. */
    sliverIpv4Range: z
      .string()
      .refine((text) => parseIpv4Range(text) !== undefined, 'a range is like "100.96.0.0/16"')
      .default('100.96.0.0/16'),
    /** First host uid and gid for slivers; each gets 65,536. */
    idBase: z.number().int().min(65_536).max(4_000_000_000).default(100_000_000),
    /** Where the API is offered directly; null: only through the uplink. */
    apiListen: Endpoint.nullable().default(null),
    /** Where people log in to slivers; null: nowhere. */
    sshListen: Endpoint.nullable().default(null),
    /** Rate of the node's link to the world that slivers may fill together, in kbit/s. */
    egressKbps: z.number().int().min(1000).max(100_000_000).default(1_000_000),
    /** Device over which slivers reach the world; null: that of the default route. */
    egressDevice: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]{0,14}$/, 'a device is a name such as "eth0"')
      .nullable()
      .default(null),
    /** Parts of the site's local network, also with public addresses, that slivers may reach; what is not named is closed to them. */
    openToSlivers: z
      .array(z.union([z.cidrv4(), z.cidrv6()]))
      .max(256)
      .default([]),
    /** Whether the site's people and the authority's admins may reboot the machine. */
    rebootOnRequest: z.boolean().default(false),
    place: Place.nullable().default(null),
    /** For simulated slivers, which have no network: round-trip times in milliseconds to others, by their IPv6 prefix. */
    simulatedRttMs: z.record(z.string().endsWith('::/64'), z.number().min(0).max(10_000)).default({}),
    /** Tells what this node makes on the host from what others make; by default from the node's id. */
    nodeTag: z
      .string()
      .regex(/^[0-9a-f]{8}$/, 'a tag is 8 hex digits')
      .optional(),
    /** CPU weight of all slivers together beside the rest of the machine; another service's is 1. */
    cpuWeight: z.number().min(0.1).max(100).default(6),
    /**
     * What keeps slivers to their disk limits: `auto` takes what the file system itself counts where its owner has that
     * switched on, else loop files. `btrfs-quota` switches it on.
     */
    diskBound: z.enum(['auto', 'project-quota', 'btrfs-quota', 'loop', 'none']).default('auto'),
    /** Longest that a program may take which the node manager runs for a step, such as the runtime: then it is ended. */
    stepTimeoutMs: z.number().int().min(1000).max(600_000).default(30_000),
    /** Process 1 of each sliver: waits and collects orphans. */
    initPath: z.string().startsWith('/').default('/usr/bin/catatonit'),
    /** Handed to the driver of machines with each of them: files and devices of this host by the names that it knows, such as a kernel. Containers need none. */
    attachments: z
      .record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/), z.string().startsWith('/').max(4096))
      .refine((all) => Object.keys(all).length <= 32, 'there are at most 32 attachments')
      .default({}),
  })
  .strict();
export type NodeConfig = z.infer<typeof NodeConfig>;

/** Reads the configuration; a file that is not there is an empty one. Throws `malformed_request`. */
export function readConfig(path: string): NodeConfig {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return NodeConfig.parse({});
    throw error;
  }
  return parseConfig(text, path);
}

export function parseConfig(text: string, path: string): NodeConfig {
  const result = NodeConfig.safeParse(parseJson(text, path), { error: whatIsWrong });
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = issue?.path.join('.') ?? '';
  throw new PlanetLabError(
    'malformed_request',
    `${path} is malformed${where === '' ? '' : ` at "${where}"`}: ${issue?.message ?? 'unknown'}. Correct it and start again.`,
  );
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PlanetLabError('malformed_request', `${path} is not JSON. Correct it and start again.`, { cause });
  }
}

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Takes `host:port` apart; brackets around IPv6 go away. */
export function parseEndpoint(text: string): HostPort {
  const colon = text.lastIndexOf(':');
  return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
}
