import type { GroupName } from '@planetlab/contract';
import type { NodeId, SiteName } from '@planetlab/model';
import type { ColumnType } from 'kysely';

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

/** Settings, tags and groups. */
export interface SlicesSchema {
  settings: SettingTable;
  node_tags: NodeTagTable;
  node_groups: NodeGroupTable;
  node_group_members: NodeGroupMemberTable;
  node_group_tags: NodeGroupTagTable;
  slice_tags: SliceTagTable;
}
