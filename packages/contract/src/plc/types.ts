import {
  ImageName,
  Instant,
  IpAddress,
  LeaseId,
  NodeId,
  NodeName,
  NodeState,
  PersonEmail,
  Place,
  Principal,
  Resources,
  Role,
  RunLevel,
  SiteName,
  SliceName,
  SliverState,
} from '@planetlab/model';
import { z } from 'zod';
import { NodeFacts, Reason } from '../node/types.ts';
import { Decision, Reboot, Suspension } from './decisions.ts';
import { GroupName, Tags } from './tags.ts';

const Text = z.string().trim().min(1).max(500);

/** A web address, or nothing. */
const Url = z
  .string()
  .max(500)
  .refine(
    (text) => text === '' || /^https?:\/\/\S+$/.test(text),
    'an address of the web begins with http:// or https://',
  );

export const Site = z.object({
  name: SiteName,
  title: z.string(),
  url: z.string(),
  place: Place.nullable(),
  createdAt: Instant,
  nodes: z.number().int(),
  slices: z.number().int(),
  /** How many slices it may have at once. */
  maxSlices: z.number().int(),
  /** Why it gets no new slices, as long as it does not. */
  closed: Reason.nullable(),
});
export type Site = z.infer<typeof Site>;
export const NewSite = z.object({ name: SiteName, title: Text }).strict();
/** `maxSlices`, which only admins change: null for the authority's usual number. */
export const SiteChange = z
  .object({
    title: Text,
    url: Url,
    place: Place.nullable(),
    maxSlices: z.number().int().min(0).max(100_000).nullable(),
  })
  .partial()
  .strict();
export type SiteChange = z.infer<typeof SiteChange>;

/** A person's role at one site. `admin` holds for the whole authority and has no site. */
export const RoleAt = z.object({ role: Role, site: SiteName.nullable() });
export type RoleAt = z.infer<typeof RoleAt>;
export const Person = z.object({
  email: PersonEmail,
  name: z.string(),
  enabled: z.boolean(),
  roles: z.array(RoleAt),
  createdAt: Instant,
});
export type Person = z.infer<typeof Person>;
export const NewPerson = z
  .object({ email: PersonEmail, name: Text, roles: z.array(RoleAt).max(50).default([]) })
  .strict();

export const Key = z.object({ fingerprint: z.string(), person: PersonEmail, key: z.string(), addedAt: Instant });
export type Key = z.infer<typeof Key>;

/**
 * What an API token may be used for. `read`: see what its person may see; every token can. `slices`: change slices and run
 * programs in them. `nodes`: register and change nodes. `all`: whatever its person may.
 */
export const TokenScope = z.enum(['read', 'slices', 'nodes', 'all']);
export type TokenScope = z.infer<typeof TokenScope>;

export const ApiToken = z.object({
  id: z.uuid(),
  label: z.string(),
  scopes: z.array(TokenScope),
  createdAt: Instant,
  expiresAt: Instant,
  lastUsedAt: Instant.nullable(),
});
export type ApiToken = z.infer<typeof ApiToken>;

/** An address of a node, as its site declares it. */
export const NodeInterface = z
  .object({
    address: IpAddress,
    hostname: z.string().max(253).default(''),
    /** `public`: what its slivers are seen under; `management`: for its technicians. */
    use: z.enum(['public', 'management']).default('public'),
  })
  .strict();
export type NodeInterface = z.infer<typeof NodeInterface>;

/** What the PLC measures when it reads what a node says of itself. */
export const NodeMeasured = z.object({
  at: Instant,
  /** Round-trip time between the two over the node's uplink; null when a ping was not answered. */
  rttMs: z.number().nullable(),
  /** How far the node's clock is ahead of the PLC's; negative when it is behind. */
  clockOffsetMs: z.number(),
});
export type NodeMeasured = z.infer<typeof NodeMeasured>;

/** In how much of the time a node was connected, from 0 to 1. Times at which the PLC did not run do not count. */
export const NodeAvailability = z.object({ at: Instant, day: z.number(), week: z.number() });
export type NodeAvailability = z.infer<typeof NodeAvailability>;

export const PlcNode = z.object({
  id: NodeId,
  name: NodeName,
  site: SiteName,
  place: Place.nullable(),
  runLevel: RunLevel,
  /** Why it is at that level, if somebody said so. */
  runLevelDecision: Decision.nullable(),
  /** Why it takes no new slivers, and is to run empty. */
  drain: Decision.nullable(),
  quarantine: Decision.nullable(),
  reboot: Reboot.nullable().default(null),
  interfaces: z.array(NodeInterface),
  /** Addresses that it gave when it joined. */
  addresses: z.array(z.string()),
  certificateExpiresAt: Instant.nullable(),
  state: NodeState,
  /** Null when in service; else why not, in a sentence. */
  reason: Reason.nullable(),
  lastSeenAt: Instant.nullable(),
  createdAt: Instant,
  /** What the node last said of itself. In a list, `features` has only those that it lacks. */
  facts: NodeFacts.omit({ site: true }).nullable(),
  measured: NodeMeasured.nullable().default(null),
  availability: NodeAvailability.nullable().default(null),
  slivers: z.number().int(),
  /** The groups it is in, and its tags: own ones and those inherited from the groups. */
  groups: z.array(GroupName),
  tags: Tags,
});
export type PlcNode = z.infer<typeof PlcNode>;
export const NewNode = z.object({ name: NodeName, site: SiteName, place: Place.nullable().default(null) }).strict();
/** Shown once. `command` is what to type on the machine; the token goes in on standard input or by prompt, never stored in clear. */
export const JoinInvitation = z.object({ token: z.string(), expiresAt: Instant, command: z.string() });

export const Slice = z.object({
  name: SliceName,
  site: SiteName,
  description: z.string(),
  url: z.string(),
  image: ImageName,
  resources: Resources,
  createdAt: Instant,
  expiresAt: Instant,
  persons: z.array(PersonEmail),
  slivers: z.number().int(),
  running: z.number().int(),
  /** Run by a shell in each sliver once, when it first runs on a new disk, for at most ten minutes. Empty: nothing. */
  initialCommand: z.string(),
  /** How many nodes its people may put it on; null: as many as the authority’s settings say. */
  maxNodes: z.number().int().nullable(),
  /** While there is one, its slivers are stopped and keep their disks. */
  suspensions: z.array(Suspension),
});
export type Slice = z.infer<typeof Slice>;
export const NewSlice = z
  .object({
    name: SliceName,
    description: z.string().max(2000).default(''),
    url: Url.default(''),
    image: ImageName.default(ImageName.parse('debian-12')),
    initialCommand: z.string().max(4096).default(''),
    resources: Resources.prefault({}),
    /** Mail addresses of people with accounts; who creates a slice is in it. */
    persons: z.array(PersonEmail).max(500).default([]),
  })
  .strict();

const { shape: newSlice } = NewSlice;
/** `image` holds for slivers made from then on, `initialCommand` for those in which none has run yet. `maxNodes` is changed by PIs of its site and admins. */
export const SliceChange = z
  .object({
    description: newSlice.description.unwrap(),
    url: newSlice.url.unwrap(),
    image: newSlice.image.unwrap(),
    initialCommand: newSlice.initialCommand.unwrap(),
    maxNodes: z.number().int().min(0).max(100_000).nullable(),
  })
  .partial()
  .strict();
export type SliceChange = z.infer<typeof SliceChange>;

/** That a slice had a sliver on a node for a time. */
export const Attribution = z.object({
  slice: SliceName,
  site: SiteName,
  description: z.string(),
  url: z.string(),
  /** Those who were in the slice at the time that was asked about. */
  persons: z.array(PersonEmail),
  ipv4: z.string().nullable(),
  ipv6: z.string().nullable(),
  /** Of the node when the sliver was leased: shared by all of its slivers. */
  nodeAddresses: z.array(z.string()),
  from: Instant,
  /** Null while it is there. */
  until: Instant.nullable(),
});
export type Attribution = z.infer<typeof Attribution>;

/** A sliver as the authority knows it: what is wanted, and what its node last reported. */
export const Sliver = z.object({
  slice: SliceName,
  node: NodeName,
  state: SliverState,
  reason: Reason.nullable(),
  since: Instant,
  requestedAt: Instant,
  /** From the request at the PLC to the first report of `running`; null until then. */
  timeToRunningMs: z.number().nullable(),
  leaseId: LeaseId.nullable(),
  leaseExpiresAt: Instant.nullable(),
  ipv4: z.string().nullable(),
  ipv6: z.string().nullable(),
  /** Where `ssh SLICE@host -p port` gets in; null when the node offers none. */
  ssh: z.object({ host: z.string(), port: z.number().int() }).nullable(),
});
export type Sliver = z.infer<typeof Sliver>;

/** Who did what to which thing, with what it was before and after (N7: accountable). Written in the transaction of the change. */
export const PlcEvent = z.object({
  id: z.number().int(),
  at: Instant,
  actor: Principal,
  kind: z.string(),
  subject: z.string(),
  before: z.unknown(),
  after: z.unknown(),
});
export type PlcEvent = z.infer<typeof PlcEvent>;

/** Something changed; whoever shows it reads it again. With a node its slivers: they can be reached, or not, as it can. */
export const Change = z.object({
  type: z.enum(['site', 'person', 'node', 'slice', 'sliver', 'operation', 'announcement']),
  name: z.string(),
});
export type Change = z.infer<typeof Change>;

export const AuthorityInfo = z.object({
  name: z.string(),
  version: z.string(),
  caPem: z.string(),
  fingerprint: z.string(),
  clock: Instant,
  publicKey: z.object({ kty: z.literal('OKP'), crv: z.literal('Ed25519'), x: z.string() }),
});
export type AuthorityInfo = z.infer<typeof AuthorityInfo>;
export const JoinRequest = z
  .object({
    secret: z.string().max(200),
    node: NodeName,
    /** PEM of a PKCS#10 request made with the node's own key, which never leaves the node. */
    certificateRequest: z.string().max(8192),
    clock: Instant,
    addresses: z.array(IpAddress).max(8).default([]),
  })
  .strict();
export const JoinReply = z.object({
  nodeId: NodeId,
  certificate: z.string(),
  ca: z.string(),
  authority: AuthorityInfo,
});
export type JoinReply = z.infer<typeof JoinReply>;
