import { type Kysely, sql } from 'kysely';
import type { Migration } from 'kysely/migration';

/** The addresses of a node under which traffic of its slivers may have been seen. */
const NODE_ADDRESSES = `coalesce(nodes.addresses, '[]') || coalesce(jsonb_path_query_array(nodes.interfaces, '$[*].address'), '[]')
  || coalesce(jsonb_path_query_array(nodes.facts, '$.ipv4 ? (@ != null)'), '[]')`;

const open = (slivers: string) => `
  insert into sliver_spans (sliver_id, slice_id, node_id, ipv4, ipv6, node_addresses, from_at)
  select s.id, s.slice_id, s.node_id, s.ipv4, s.ipv6, ${NODE_ADDRESSES}, now()
  from ${slivers} join nodes on nodes.id = s.node_id where s.lease_id is not null;`;

/** Addresses come after the lease; from its beginning on they were nobody else's. */
const FIRST_ADDRESSES = `o.lease_id = s.lease_id and o.ipv4 is null and o.ipv6 is null
  and (s.ipv4 is not null or s.ipv6 is not null)`;
const CHANGED = `(o.lease_id, o.ipv4, o.ipv6) is distinct from (s.lease_id, s.ipv4, s.ipv6)
  and (${FIRST_ADDRESSES}) is not true`;

const STATEMENTS = [
  // Slivers are written by hundreds; what is noted of each for attribution is noted for all of a statement together.
  'drop trigger slivers_span on slivers',
  'drop trigger slivers_span_change on slivers',
  `create function note_new_slivers() returns trigger language plpgsql as $$
    begin
      ${open('new_slivers s')}
      return null;
    end $$`,
  `create function note_changed_slivers() returns trigger language plpgsql as $$
    begin
      update sliver_spans set ipv4 = s.ipv4, ipv6 = s.ipv6 from old_slivers o join new_slivers s on s.id = o.id
        where sliver_id = s.id and until_at is null and ${FIRST_ADDRESSES};
      update sliver_spans set until_at = now() from old_slivers o join new_slivers s on s.id = o.id
        where sliver_id = s.id and until_at is null and ${CHANGED};
      ${open(`new_slivers s join old_slivers o on o.id = s.id and ${CHANGED}`)}
      return null;
    end $$`,
  `create function note_gone_slivers() returns trigger language plpgsql as $$
    begin
      update sliver_spans set until_at = now() from old_slivers o where sliver_id = o.id and until_at is null;
      return null;
    end $$`,
  `create trigger slivers_span_new after insert on slivers
    referencing new table as new_slivers for each statement execute function note_new_slivers()`,
  `create trigger slivers_span_changed after update on slivers
    referencing old table as old_slivers new table as new_slivers for each statement execute function note_changed_slivers()`,
  `create trigger slivers_span_gone after delete on slivers
    referencing old table as old_slivers for each statement execute function note_gone_slivers()`,
  // a row is written three times in its first second: the later ones find room beside the first
  'alter table slivers set (fillfactor = 50)',
  'alter table operation_items set (fillfactor = 70)',
  // some slices of a node; it serves for all of a node too
  'create index slivers_node_slice on slivers (node_id, slice)',
  'drop index slivers_node_id_idx',
  // leases are found by node and slice: with no index on what changes, a row is written without touching any index
  'drop index slivers_lease',
];

/** What nodes say at the same time is written at the same time. */
export const manyAtOnce: Migration = {
  async up(db: Kysely<never>): Promise<void> {
    for (const statement of STATEMENTS) await sql.raw(statement).execute(db);
  },
};
