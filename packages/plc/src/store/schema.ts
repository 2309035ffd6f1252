import type {
  Decision,
  NodeAvailability,
  NodeInterface,
  NodeMeasured,
  PlcNode,
  Reason,
  Reboot,
  Sliver,
} from '@planetlab/contract';
import type {
  ImageName,
  Instant,
  LeaseId,
  NodeId,
  NodeName,
  PersonEmail,
  Place,
  Principal,
  Resources,
  Role,
  RunLevel,
  SiteName,
  SliceName,
  SliverState,
  Thumbprint,
} from '@planetlab/model';
import type { ColumnType, Generated, GeneratedAlways, Kysely, Transaction } from 'kysely';
import type { MissionControlSchema } from './schema-mission-control.ts';
import type { NoticesSchema } from './schema-notices.ts';
import type { OperationsSchema } from './schema-operations.ts';
import type { PeopleSchema, TokenScopes } from './schema-people.ts';
import type { SlicesSchema } from './schema-slices.ts';

/** Read as values, written as text that is JSON. */
type Json<T> = ColumnType<T, string | null, string | null>;
/** Written as JSON, never null. */
type RequiredJson<T> = ColumnType<T, string, string>;

export interface SiteTable {
  name: SiteName;
  title: string;
  created_at: Date;
  url: Generated<string>;
  place: Json<Place | null>;
  /** Null: as many as the settings say. */
  max_slices: Generated<number | null>;
  /** Why it gets no new slices. */
  closed: Json<Reason | null>;
}

export interface PersonTable {
  email: PersonEmail;
  name: string;
  enabled: Generated<boolean>;
  created_at: Date;
  /** Hash of the password, with its parameters; null for who signs in otherwise. */
  password: Generated<string | null>;
  /** Random name under which passkeys know the person. */
  handle: Generated<string>;
}

export interface RoleTable {
  person: PersonEmail;
  role: Role;
  /** Null for admin. */
  site: SiteName | null;
}

export interface KeyTable {
  fingerprint: string;
  person: PersonEmail;
  key: string;
  added_at: Date;
}

export interface TokenTable {
  id: string;
  person: PersonEmail;
  label: string;
  /** SHA-256 of the token. The token itself is nowhere. */
  hash: string;
  created_at: Date;
  expires_at: Date;
  last_used_at: Date | null;
  scopes: TokenScopes;
}

/** A console session, known only by the hash of its secret. */
export interface SessionTable {
  hash: string;
  person: PersonEmail;
  created_at: Date;
  expires_at: Date;
  id: Generated<string>;
  /** How the person signed in. */
  method: Generated<string>;
  /** What the browser says it is. */
  browser: Generated<string>;
  last_used_at: Generated<Date | null>;
}

export interface SignInLinkTable {
  hash: string;
  person: PersonEmail;
  created_at: Date;
  expires_at: Date;
  used_at: Date | null;
}

/** `id` tells the node one request from another; `bootId` is what it said when it was told; `drains`: to drain it was part of the decision. */
export interface StoredReboot extends Reboot {
  readonly id: string;
  readonly bootId: string | null;
  readonly drains: boolean;
}

export interface NodeTable {
  id: NodeId;
  name: NodeName;
  site: SiteName;
  place: Json<Place | null>;
  run_level: Generated<RunLevel>;
  /** Of the key that joined; null before. A certificate for any other key is not let in. */
  key_thumbprint: Thumbprint | null;
  addresses: Json<readonly string[] | null>;
  facts: Json<PlcNode['facts']>;
  /** Of its facts. The database writes it. */
  ssh: GeneratedAlways<Sliver['ssh']>;
  /** What the PLC found wrong when it last spoke to the node. */
  trouble: Json<Reason | null>;
  created_at: Date;
  joined_at: Date | null;
  last_seen_at: Date | null;
  deleted_at: Date | null;
  run_level_decision: Json<Decision | null>;
  drain: Json<Decision | null>;
  quarantine: Json<Decision | null>;
  reboot: Json<StoredReboot | null>;
  interfaces: ColumnType<NodeInterface[], string | undefined, string>;
  /** Its last connection that was not taken, since the last one that was. */
  refused: Json<(Reason & { readonly at: Instant }) | null>;
  /** Why its last connection ended. */
  disconnected_because: string | null;
  certificate_expires_at: Date | null;
  /** How far the escalation for a dead node has gone: 0 not at all, 1 techs, 2 PIs, 3 everyone. */
  escalation_level: Generated<number>;
  escalated_at: Date | null;
  /** Its connections are not taken before: it has flooded. */
  held_off_until: Date | null;
  /** What was measured when its facts were read, and in how much of the time it was connected. */
  measured: Json<NodeMeasured | null>;
  availability: Json<NodeAvailability | null>;
}

/** How often in an hour it was looked whether a node is connected, and how often it was. */
export interface NodeHourTable {
  hour: Date;
  node_id: NodeId;
  asked: number;
  seen: number;
  sampled_at: Date;
}

/** That something has changed which the list of nodes shows and which is not in their rows. The database writes it. */
export interface NodeListChangeTable {
  id: Generated<number>;
  at: Generated<Date>;
}

export interface JoinTokenTable {
  hash: string;
  node_id: NodeId;
  created_at: Date;
  expires_at: Date;
  used_at: Date | null;
  voided_at: Date | null;
}

/** PLC processes that share this database. */
export interface ProcessTable {
  id: string;
  started_at: Date;
  heartbeat_at: Date;
  /** `host:port` at which the others reach its node listener. */
  address: Generated<string | null>;
}

/** One row: whose database this is. A process with other keys is not let in. */
export interface AuthorityTable {
  only_one: Generated<boolean>;
  name: string;
  fingerprint: string;
  /** Thumbprint: leases are bound to it. */
  broker_key: Thumbprint;
  recorded_at: Date;
}

/** Which process holds a node's uplink. */
export interface UplinkTable {
  node_id: NodeId;
  process_id: string;
  connected_at: Date;
}

export interface SliceTable {
  id: string;
  name: SliceName;
  site: SiteName;
  description: string;
  url: string;
  image: ImageName;
  resources: RequiredJson<Resources>;
  created_at: Date;
  expires_at: Date;
  deleted_at: Date | null;
  initial_command: Generated<string>;
  max_nodes: number | null;
  /** The end of which its people were warned, and the one they were told of. */
  warned_end: Date | null;
  told_end: Date | null;
}

export interface SlicePersonTable {
  slice_id: string;
  person: PersonEmail;
}

export interface SliverTable {
  id: string;
  slice_id: string;
  slice: SliceName;
  node_id: NodeId;
  /** False once it was taken off: the row stays until its node has let go. */
  wanted: Generated<boolean>;
  requested_at: Date;
  unwanted_at: Date | null;
  state: SliverState;
  reason: Json<Reason | null>;
  since: Date;
  time_to_running_ms: number | null;
  lease_id: LeaseId | null;
  lease_expires_at: Date | null;
  /** Hash of the access list that its node has. */
  access_hash: string | null;
  /** Hash of the lease and the tags that its node was told last; null when it was told none. */
  tags_hash: string | null;
  ipv4: string | null;
  ipv6: string | null;
  /** Under which the slice's initial command has run in it: once for each new disk. */
  initialised_lease: LeaseId | null;
}

export interface EventTable {
  id: Generated<number>;
  at: Date;
  actor: Principal;
  kind: string;
  subject: string;
  /** For who may read it. */
  site: SiteName | null;
  slice: SliceName | null;
  before: Json<unknown>;
  after: Json<unknown>;
  /** Every name in it; empty in events of older versions. */
  mentions: Generated<string[]>;
}

export interface Schema extends PeopleSchema, SlicesSchema, OperationsSchema, MissionControlSchema, NoticesSchema {
  authority: AuthorityTable;
  sites: SiteTable;
  persons: PersonTable;
  roles: RoleTable;
  keys: KeyTable;
  tokens: TokenTable;
  sessions: SessionTable;
  sign_in_links: SignInLinkTable;
  nodes: NodeTable;
  node_hours: NodeHourTable;
  node_list_changes: NodeListChangeTable;
  join_tokens: JoinTokenTable;
  processes: ProcessTable;
  uplinks: UplinkTable;
  slices: SliceTable;
  slice_persons: SlicePersonTable;
  slivers: SliverTable;
  events: EventTable;
}

export type Db = Kysely<Schema>;
export type Trx = Transaction<Schema>;
