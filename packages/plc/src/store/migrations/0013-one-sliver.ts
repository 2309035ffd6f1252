import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** Addresses come after the lease, or with it; from its beginning on they were nobody else's. */
const ADDRESSES_ARE_NEW = `o.lease_id = s.lease_id and o.ipv4 is null and o.ipv6 is null
  and (s.ipv4 is not null or s.ipv6 is not null)`;
const IS_ANOTHER = `(o.lease_id, o.ipv4, o.ipv6) is distinct from (s.lease_id, s.ipv4, s.ipv6)
  and (${ADDRESSES_ARE_NEW}) is not true`;

const STATEMENTS = [
  // Found by their slivers: without being told so the database looks through all that are open, of all slivers there are.
  `create or replace function note_changed_slivers() returns trigger language plpgsql as $$
    declare addressed uuid[]; left_behind uuid[]; is_new boolean;
    begin
      select array_agg(s.id) filter (where ${ADDRESSES_ARE_NEW}),
        array_agg(s.id) filter (where o.lease_id is not null and ${IS_ANOTHER}),
        coalesce(bool_or(s.lease_id is not null and ${IS_ANOTHER}), false)
        into addressed, left_behind, is_new from old_slivers o join new_slivers s on s.id = o.id;
      if addressed is not null then
        update sliver_spans set ipv4 = s.ipv4, ipv6 = s.ipv6 from new_slivers s
          where s.id = sliver_id and sliver_id = any(addressed) and until_at is null;
      end if;
      if left_behind is not null then
        update sliver_spans set until_at = now() where sliver_id = any(left_behind) and until_at is null;
      end if;
      if is_new then
        insert into sliver_spans (sliver_id, slice_id, node_id, ipv4, ipv6, node_addresses, from_at)
        select s.id, s.slice_id, s.node_id, s.ipv4, s.ipv6, coalesce(nodes.addresses, '[]')
          || coalesce(jsonb_path_query_array(nodes.interfaces, '$[*].address'), '[]')
          || coalesce(jsonb_path_query_array(nodes.facts, '$.ipv4 ? (@ != null)'), '[]'), now()
        from new_slivers s join old_slivers o on o.id = s.id and ${IS_ANOTHER} join nodes on nodes.id = s.node_id
        where s.lease_id is not null;
      end if;
      return null;
    end $$`,
  // a span is written again when its addresses come, and when it ends
  'alter table sliver_spans set (fillfactor = 80)',
  // an item's version changes with its state: with no index on it the row is written without touching any
  'drop index operation_items_operation_id_version_idx',
];

/** What the database does for one sliver that starts. */
export const oneSliver: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
