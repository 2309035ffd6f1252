import type { AnnouncementLevel, KillSwitchKind, MassAction } from '@planetlab/contract';
import type { NodeName, PersonEmail, Principal, SiteName, SliceName } from '@planetlab/model';
import type { ColumnType, Generated } from 'kysely';

export interface SliceSelectorTable {
  slice_id: string;
  /** Read as what was written, which may be of an older version: parsed before use. */
  request: ColumnType<unknown, string, string>;
  kept_at: Date;
}

export interface KillSwitchTable {
  kind: KillSwitchKind;
  name: string;
  reason: string;
  at: Date;
  actor: Principal;
}

/** A view: who is refused because of a kill switch. */
export interface StoppedPersonView {
  person: PersonEmail;
}

/** What was decided of one thing among many, and is not done yet. */
export interface PendingDecisionTable {
  operation_id: string;
  subject: string;
  action: MassAction;
  reason: string;
  actor: Principal;
}

export interface AnnouncementTable {
  id: Generated<number>;
  level: AnnouncementLevel;
  title: string;
  text: string;
  site: SiteName | null;
  slice: SliceName | null;
  node: NodeName | null;
  public: boolean;
  at: Date;
  actor: Principal;
  ends_at: Date | null;
}

/** Selectors of slices, kill switches, announcements. */
export interface MissionControlSchema {
  slice_selectors: SliceSelectorTable;
  kill_switches: KillSwitchTable;
  pending_decisions: PendingDecisionTable;
  stopped_persons: StoppedPersonView;
  announcements: AnnouncementTable;
}
