import type { Operation, Reason } from '@planetlab/contract';
import type {
  NodeId,
  NodeName,
  OperationItemState,
  OperationState,
  Principal,
  SiteName,
  SliceName,
} from '@planetlab/model';
import type { ColumnType, Generated } from 'kysely';

/** Work on many things at once, as `operations/` keeps it. */
export interface OperationTable {
  id: string;
  /** In the order of their beginnings. */
  number: Generated<number>;
  kind: string;
  subject: string;
  actor: Principal;
  /** For who may see it. */
  site: SiteName | null;
  slice_id: string | null;
  slice: SliceName | null;
  state: OperationState;
  counts: ColumnType<Operation['counts'], string, string>;
  version: Generated<number>;
  created_at: Date;
  deadline_at: Date;
  ended_at: Date | null;
}

export interface OperationItemTable {
  operation_id: string;
  subject: string;
  slice: SliceName | null;
  node: NodeName | null;
  /** What of the sliver is waited for; `none`: the item was answered when the operation began. */
  goal: 'running' | 'gone' | 'none';
  sliver_id: string | null;
  node_id: NodeId | null;
  /** Whether the operation made the sliver: then its end takes it back. */
  added: Generated<boolean>;
  state: OperationItemState;
  reason: ColumnType<Reason | null, string | null, string | null>;
  since: Date;
  /** Of the operation, when the item last changed. */
  version: Generated<number>;
}

/** A change that a person made under a key, kept for a day. */
export interface IdempotencyKeyTable {
  person: Principal;
  key: string;
  /** Method and path. */
  target: string;
  body_hash: string;
  created_at: Date;
  /** False from the change's commit until its reply is known, and for ever when its process ended between. */
  answered: Generated<boolean>;
  /** JSON; null when it is not kept. */
  reply: Generated<string | null>;
}

export interface OperationsSchema {
  idempotency_keys: IdempotencyKeyTable;
  operations: OperationTable;
  operation_items: OperationItemTable;
}
