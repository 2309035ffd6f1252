import type { DatabaseSync } from 'node:sqlite';
import { LeaseId, type SliceName } from '@planetlab/model';
import type { VolumeStore } from '../network/volume-meter.ts';

/** What slices have sent in their day. Several records in one transaction are the caller's to see to. */
export function createVolumeTable(database: DatabaseSync): VolumeStore {
  const all = database.prepare('SELECT * FROM volumes');
  const save = database.prepare('INSERT OR REPLACE INTO volumes VALUES (?, ?, ?, ?, ?, ?)');
  const forget = database.prepare('DELETE FROM volumes WHERE slice = ?');
  return {
    volumes: () =>
      all.all().map((row) => ({
        slice: row['slice'] as SliceName, // written from a SliceName
        lease: LeaseId.parse(row['lease_id']),
        counterBytes: Number(row['counter_bytes']),
        dayStartMs: Number(row['day_start_ms']),
        sentBytes: Number(row['sent_bytes']),
        told: row['told'] === 1,
      })),
    saveVolumes(records) {
      for (const { slice, lease, counterBytes, dayStartMs, sentBytes, told } of records)
        save.run(slice, lease, counterBytes, dayStartMs, sentBytes, told ? 1 : 0);
    },
    forgetVolumes(slices) {
      for (const slice of slices) forget.run(slice);
    },
  };
}
