import type { ColumnType } from 'kysely';

export interface SliceSelectorTable {
  slice_id: string;
  /** Read as what was written, which may be of an older version: parsed before use. */
  request: ColumnType<unknown, string, string>;
  kept_at: Date;
}

/** Selectors of slices. */
export interface MissionControlSchema {
  slice_selectors: SliceSelectorTable;
}
