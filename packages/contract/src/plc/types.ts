import {
  ImageName,
  Instant,
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
import { GroupName, Tags } from './tags.ts';

const Text = z.string().trim().min(1).max(500);

export const Site = z.object({
  name: SiteName,
  title: z.string(),
  createdAt: Instant,
  nodes: z.number().int(),
  slices: z.number().int(),
});
export type Site = z.infer<typeof Site>;
export const NewSite = z.object({ name: SiteName, title: Text }).strict();

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

export const PlcNode = z.object({
  id: NodeId,
  name: NodeName,
  site: SiteName,
  place: Place.nullable(),
  runLevel: RunLevel,
  state: NodeState,
  /** Null when in service; else why not, in a sentence. */
  reason: Reason.nullable(),
  lastSeenAt: Instant.nullable(),
  createdAt: Instant,
  /** What the node last said of itself. */
  facts: NodeFacts.nullable(),
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
});
export type Slice = z.infer<typeof Slice>;
export const NewSlice = z
  .object({
    name: SliceName,
    description: z.string().max(2000).default(''),
    url: z.string().max(500).default(''),
    image: ImageName.default(ImageName.parse('debian-12')),
    resources: Resources.prefault({}),
    /** Mail addresses of people with accounts; who creates a slice is in it. */
    persons: z.array(PersonEmail).max(500).default([]),
  })
  .strict();

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

/** Something changed; whoever shows it reads it again. */
export const Change = z.object({
  type: z.enum(['site', 'person', 'node', 'slice', 'sliver', 'operation']),
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
    addresses: z
      .array(z.union([z.ipv4(), z.ipv6()]))
      .max(8)
      .default([]),
  })
  .strict();
export const JoinReply = z.object({
  nodeId: NodeId,
  certificate: z.string(),
  ca: z.string(),
  authority: AuthorityInfo,
});
export type JoinReply = z.infer<typeof JoinReply>;
