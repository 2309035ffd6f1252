import type { GroupName, SuspensionCause } from '@planetlab/contract';
import type { NodeId, PersonEmail, Principal, SiteName } from '@planetlab/model';
import type { ColumnType, Generated } from 'kysely';

export interface SettingTable {
  key: string;
  /** Written as JSON. */
  value: ColumnType<unknown, string, string>;
}

export interface NodeTagTable {
  node_id: NodeId;
  key: string;
  value: string;
}

export interface NodeGroupTable {
  name: GroupName;
  /** Null for a group of the authority. */
  site: SiteName | null;
  description: string;
  created_at: Date;
}

export interface NodeGroupMemberTable {
  group_name: GroupName;
  node_id: NodeId;
}

export interface NodeGroupTagTable {
  group_name: GroupName;
  key: string;
  value: string;
}

/** Of a whole slice, or of its slivers on a group's nodes, or of the one on a node. */
export interface SliceTagTable {
  slice_id: string;
  group_name: GroupName | null;
  node_id: NodeId | null;
  key: string;
  value: string;
}

export interface SliceSuspensionTable {
  slice_id: string;
  cause: SuspensionCause;
  reason: string;
  at: Date;
  actor: Principal;
}

/** Written by triggers: that a sliver was leased, under these addresses. */
export interface SliverSpanTable {
  id: Generated<number>;
  sliver_id: string;
  slice_id: string;
  node_id: NodeId;
  ipv4: string | null;
  ipv6: string | null;
  node_addresses: ColumnType<string[], string, string>;
  from_at: Date;
  until_at: Date | null;
}

/** Written by triggers: that a person was in a slice. */
export interface SlicePersonSpanTable {
  id: Generated<number>;
  slice_id: string;
  person: PersonEmail;
  from_at: Date;
  until_at: Date | null;
}

/** Settings, tags and groups; suspensions; what is kept for attribution. */
export interface SlicesSchema {
  slice_suspensions: SliceSuspensionTable;
  sliver_spans: SliverSpanTable;
  slice_person_spans: SlicePersonSpanTable;
  settings: SettingTable;
  node_tags: NodeTagTable;
  node_groups: NodeGroupTable;
  node_group_members: NodeGroupMemberTable;
  node_group_tags: NodeGroupTagTable;
  slice_tags: SliceTagTable;
}
