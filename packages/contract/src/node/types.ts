import {
  ImageName,
  Instant,
  isPlanetLabError,
  LeaseId,
  NodeId,
  NodeName,
  PersonEmail,
  Place,
  Principal,
  ResourceSums,
  Resources,
  SiteName,
  SliceName,
  SliverState,
  Thumbprint,
} from '@planetlab/model';
import { z } from 'zod';
import { Tags } from '../plc/tags.ts';
import { Problem, problemOf } from '../problem.ts';

/** Why something is not as it should be: a stable code and a sentence. */
export const Reason = z.object({ code: z.string(), message: z.string() });
export type Reason = z.infer<typeof Reason>;

/** A public key of a person, one line as OpenSSH writes it. */
export const SshKey = z.object({
  person: PersonEmail,
  key: z
    .string()
    .max(16_384)
    .regex(
      /^(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(256|384|521)|sk-ssh-ed25519@openssh\.com|sk-ecdsa-sha2-nistp256@openssh\.com) [A-Za-z0-9+/]+={0,3}( [^\r\n]{0,200})?$/,
      'an SSH public key is one line such as "ssh-ed25519 AAAA... name"',
    ),
});
export type SshKey = z.infer<typeof SshKey>;
export const SshKeys = z.array(SshKey).max(1000);

/** What a host offers, and what it lacks, each with a sentence (HOSTS: degrade with a clear word, never silently). */
export const HostFeature = z.object({ feature: z.string(), available: z.boolean(), reason: z.string() });
export type HostFeature = z.infer<typeof HostFeature>;

/** What a node measures on its own machine (N9). Of a simulated node they are as on a machine with nothing to do. */
export const NodeSensors = z.object({
  /** When it looked, by its own clock. */
  at: Instant,
  /** Processes that ran or wanted to, on average over a minute, for each core. */
  load: z.number(),
  /** Processor time that nobody used since it looked before, in cores. */
  coresIdle: z.number(),
  memoryAvailableMiB: z.number(),
  diskAvailableMiB: z.number(),
});
export type NodeSensors = z.infer<typeof NodeSensors>;

/** The site that a node belongs to, as its slivers' programs are told of it. `place` is where the site says that it is. */
export const NodeSite = z.object({ name: SiteName, title: z.string().max(500), place: Place.nullable() });
export type NodeSite = z.infer<typeof NodeSite>;

/** A node about itself. Local facts only. */
export const NodeFacts = z.object({
  id: NodeId,
  name: NodeName,
  version: z.string(),
  /** The node's clock, so that the reader can tell how far off it is. */
  clock: Instant,
  startedAt: Instant,
  vmm: z.object({ driver: z.string(), detail: z.string(), simulated: z.boolean() }),
  kernel: z.string(),
  architecture: z.string(),
  place: Place.nullable(),
  /** As its authority has told it, null until then; absent on nodes that cannot be told. */
  site: NodeSite.nullable().optional(),
  capacity: ResourceSums,
  /** Sum of what live leases bind. */
  leased: ResourceSums,
  ipv4: z.string().nullable(),
  ipv6Prefix: z.string().nullable(),
  ssh: z.object({ host: z.string(), port: z.number().int() }).nullable(),
  images: z.array(ImageName),
  features: z.array(HostFeature),
  slivers: z.number().int(),
  /** Another one after each start of the machine; absent on nodes that cannot be asked to reboot. */
  bootId: z.string().max(64).optional(),
  /** Absent on nodes that do not measure. */
  sensors: NodeSensors.optional(),
  /** Why the node makes no new leases and renews none, when its administrator has decided so (N14). */
  drain: Reason.optional(),
});
export type NodeFacts = z.infer<typeof NodeFacts>;

/** `id` names the decision: the same one again is not another reboot. `reason` is for whoever looks after the machine. */
export const RebootRequest = z.object({ id: z.uuid(), reason: z.string().min(1).max(500) }).strict();
export type RebootRequest = z.infer<typeof RebootRequest>;

export const NodeImage = z.object({ name: ImageName, digest: z.string(), sizeMiB: z.number(), importedAt: Instant });
export type NodeImage = z.infer<typeof NodeImage>;

/** Most requests that a node takes together. */
export const LEASE_REQUESTS_LIMIT = 256;

/** Asks for the one sliver of a slice on this node: resources bound to it until `expiresAt` (N8). */
export const LeaseRequest = z
  .object({
    slice: SliceName,
    image: ImageName,
    resources: Resources,
    expiresAt: Instant,
    /** Who may log in from the start; changed later through access. */
    keys: SshKeys.default([]),
  })
  .strict();
export type LeaseRequest = z.infer<typeof LeaseRequest>;

/**
 * What a lease is to say instead. `stopped`: why the sliver is kept stopped, with its disk; null lets it run again; what is
 * left out stays as it is. Nobody is refused to stop, or to let run again, what a lease binds anyway.
 */
export const LeaseChange = z
  .object({ resources: Resources.optional(), stopped: z.string().min(1).max(500).nullable().optional() })
  .strict();
export type LeaseChange = z.infer<typeof LeaseChange>;

/** The most tags that a sliver is told. */
export const SLIVER_TAGS_LIMIT = 256;

/** Attributes of a slice, as they are for one sliver: its programs read them in `/run/planetlab/sliver.json`. */
export const SliverTags = Tags.refine((tags) => Object.keys(tags).length <= SLIVER_TAGS_LIMIT, {
  message: `a sliver is told ${SLIVER_TAGS_LIMIT} tags at most`,
});

/** A lease as the node keeps it. `token` is the node's signature over all of it, verified offline by anyone with the node's key. */
export const LeaseRecord = z.object({
  id: LeaseId,
  slice: SliceName,
  holder: Thumbprint,
  principal: Principal,
  image: ImageName,
  resources: Resources,
  grantedAt: Instant,
  expiresAt: Instant,
  token: z.string(),
  /** Why its holder keeps the sliver stopped, with its disk; absent while it may run. */
  stopped: z.string().optional(),
});
export type LeaseRecord = z.infer<typeof LeaseRecord>;

/** Several requests of one holder, each granted or refused by itself. No slice twice. */
export const LeaseRequests = z
  .object({ items: z.array(LeaseRequest).min(1).max(LEASE_REQUESTS_LIMIT) })
  .strict()
  .refine(({ items }) => new Set(items.map(({ slice }) => slice)).size === items.length, {
    path: ['items'],
    message: 'a slice has one sliver on a node: ask for each slice once',
  });
export type LeaseRequests = z.infer<typeof LeaseRequests>;

/** The answer to one of several requests: the lease, or why there is none, as `requestLease` would have answered. */
export const LeaseAnswer = z.union([z.object({ lease: LeaseRecord }), z.object({ problem: Problem })]);
export type LeaseAnswer = z.infer<typeof LeaseAnswer>;

/** What is refused is an answer too, and in nobody else's way; what is thrown besides is thrown. */
export function leaseAnswer(grant: () => LeaseRecord): LeaseAnswer {
  try {
    return { lease: grant() };
  } catch (error) {
    if (isPlanetLabError(error)) return { problem: problemOf(error) };
    throw error;
  }
}

/** Something that happened to a sliver and that its people should know, such as that it ran out of memory. */
export const Notice = z.object({ at: Instant, code: z.string(), message: z.string() });
export type Notice = z.infer<typeof Notice>;

/** A sliver as its node reports it. */
export const NodeSliver = z.object({
  slice: SliceName,
  state: SliverState,
  reason: Reason.nullable(),
  since: Instant,
  leaseId: LeaseId,
  expiresAt: Instant,
  image: ImageName,
  resources: Resources,
  ipv4: z.string().nullable(),
  ipv6: z.string().nullable(),
  /** The latest notices of this sliver, oldest first; a notice is named by its time and code. */
  notices: z.array(Notice).max(10).optional(),
});
export type NodeSliver = z.infer<typeof NodeSliver>;

/** What a sliver may use and uses now. Counts are since its machine was started. `resources` has limits and guarantees. */
export const SliverUsage = z.object({
  at: Instant,
  resources: Resources,
  /**
   * `guaranteedMillis`: what it has of the node, in thousandths of a core, when every sliver is busy. `waitedMs`: how long
   * programs that could have run waited for a processor; null where the kernel does not count it.
   */
  cpu: z.object({ usedMs: z.number(), guaranteedMillis: z.number(), waitedMs: z.number().nullable().default(null) }),
  /** `waitedMs`: how long programs waited for memory, null as above. `atLimit`: how often the limit made it give memory back; `killed`: programs ended because that was not enough. */
  memory: z.object({
    usedMiB: z.number(),
    peakMiB: z.number().nullable(),
    waitedMs: z.number().nullable().default(null),
    atLimit: z.number().int(),
    killed: z.number().int(),
  }),
  /** `refused`: how often a new process would have been one too many. */
  processes: z.object({ used: z.number().int(), refused: z.number().int() }),
  /** `bound`: what keeps it to its limit, or `none`; with none, use is not known. */
  disk: z.object({
    bound: z.string(),
    usedMiB: z.number().nullable(),
    limitMiB: z.number(),
    files: z.number().int().nullable(),
    filesLimit: z.number().int().nullable(),
  }),
  /**
   * `ceilKbps`: its highest rate now, lower than asked for once it has sent most of its day's volume, and since when that
   * is so, as its people were told; `waited`: how often a
   * packet waited for its rate; `dropped`: packets for which there was no room to wait; `refusedFlows`: first packets of
   * flows beyond the limits. `rateKbps`: how fast it sent between the node's last two looks, some ten seconds apart, null
   * before there were two; `flows`: those that the kernel tracks now, null where it does not tell. Absent where the node
   * cannot shape.
   */
  egress: z
    .object({
      sentTodayMiB: z.number(),
      ceilKbps: z.number(),
      slowedSince: Instant.nullable().default(null),
      waited: z.number().int(),
      dropped: z.number().int(),
      refusedFlows: z.number().int(),
      rateKbps: z.number().nullable().default(null),
      flows: z.object({ used: z.number().int(), limit: z.number().int() }).nullable().default(null),
    })
    .optional(),
  notices: z.array(Notice),
});
export type SliverUsage = z.infer<typeof SliverUsage>;

/**
 * First every sliver there is, then `synced`, then each change. A sliver that is no more comes once with state `gone`.
 * `known`: those that the caller leased are as it said that it knows them, and none was told.
 */
export const NodeEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('sliver'), sliver: NodeSliver }),
  z.object({ type: z.literal('synced'), known: z.literal(true).optional() }),
]);
export type NodeEvent = z.infer<typeof NodeEvent>;

/** One step that the node took: its audit log, and the explanation shown to people. */
export const StepRecord = z.object({
  id: z.number().int(),
  at: Instant,
  slice: SliceName.nullable(),
  step: z.string(),
  outcome: z.enum(['done', 'failed']),
  durationMs: z.number(),
  message: z.string().nullable(),
});
export type StepRecord = z.infer<typeof StepRecord>;
