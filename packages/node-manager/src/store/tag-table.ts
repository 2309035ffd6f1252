import type { DatabaseSync } from 'node:sqlite';
import { SliverTags, type Tags } from '@planetlab/contract';
import type { LeaseId } from '@planetlab/model';
import type { SliverRow } from './store.ts';

/** What programs of slivers are told of their slices' tags. Those of an earlier lease are nobody's. */
export interface TagStore {
  tags(sliver: SliverRow): Tags;
  /** Durable when it returns. */
  setTags(sliver: SliverRow, tags: Tags): void;
}

const NONE: Tags = {};

/** The database forgets them with their sliver. */
export function createTagTable(database: DatabaseSync): TagStore {
  const kept = new Map<string, { readonly lease: LeaseId; readonly tags: Tags }>();
  for (const row of database.prepare('SELECT slice, lease_id, tags FROM tags').all()) {
    const tags = SliverTags.parse(JSON.parse(String(row['tags'])));
    kept.set(String(row['slice']), { lease: row['lease_id'] as LeaseId, tags }); // written from a LeaseId
  }
  const put = database.prepare(
    `INSERT INTO tags (slice, lease_id, tags) VALUES (?, ?, ?)
     ON CONFLICT (slice) DO UPDATE SET lease_id = excluded.lease_id, tags = excluded.tags`,
  );
  return {
    tags({ slice, stored }) {
      const found = kept.get(slice);
      return found?.lease === stored.lease.id ? found.tags : NONE;
    },
    setTags({ slice, stored }, tags) {
      const lease = stored.lease.id;
      put.run(slice, lease, JSON.stringify(tags));
      kept.set(slice, { lease, tags });
    },
  };
}
