import { type PlcNode, Reboot } from '@planetlab/contract';
import { sql } from 'kysely';
import type { Db, Trx } from '../store/schema.ts';
import type { Shown } from './beside.ts';
import { type NodeService, serviceOf } from './liveness.ts';

/** Whole, or without the features that a node has: their sentences are most of what nodes say of themselves. */
export type Facts = 'whole' | 'brief';

/** What stands in the rows of nodes that are not deleted. */
export const selectRows = (db: Db | Trx, facts: Facts) =>
  db
    .selectFrom('nodes')
    .select(COLUMNS)
    .select([
      rowVersion.as('version'),
      (facts === 'whole' ? wholeFacts : briefFacts).as('facts'),
      (facts === 'whole' ? requiredFeatures : requiredAndLacking).as('required_features'),
      oldestNodeVersion.as('oldest_version'),
    ])
    .where('nodes.deleted_at', 'is', null);

const COLUMNS = [
  ...(['nodes.id', 'nodes.name', 'nodes.site', 'nodes.place', 'nodes.addresses', 'nodes.interfaces'] as const),
  ...(['nodes.run_level', 'nodes.run_level_decision', 'nodes.drain', 'nodes.quarantine', 'nodes.reboot'] as const),
  ...(['nodes.trouble', 'nodes.refused', 'nodes.disconnected_because', 'nodes.held_off_until'] as const),
  ...(['nodes.created_at', 'nodes.joined_at', 'nodes.last_seen_at', 'nodes.certificate_expires_at'] as const),
  ...(['nodes.measured', 'nodes.availability'] as const),
] as const;

export type NodeRow = Awaited<ReturnType<ReturnType<typeof selectRows>['executeTakeFirstOrThrow']>>;

/** Another one after each change of the row, or of what the authority asks of its nodes. */
export const rowVersion = sql<string>`concat(nodes.xmin, ' ', (select string_agg(key || value::text, ' ' order by key)
  from settings where key in ('oldestNodeVersion', 'requiredFeatures')))`;
const oldestNodeVersion = sql<string | null>`(select value #>> '{}' from settings where key = 'oldestNodeVersion')`;
const requiredFeatures = sql<string[] | null>`(select value from settings where key = 'requiredFeatures')`;
const wholeFacts = sql<PlcNode['facts']>`nodes.facts`;
const briefFacts = sql<PlcNode['facts']>`(nodes.facts - 'features') || jsonb_build_object('features',
  jsonb_path_query_array(nodes.facts, '$.features[*] ? (@.available == false)'))`;
/** Of the required ones, those that cannot be looked up in brief facts. */
const requiredAndLacking = sql<string[] | null>`array(
  select wanted.feature from settings, jsonb_array_elements_text(value) as wanted (feature)
    where key = 'requiredFeatures' and not nodes.facts @> jsonb_build_object('features',
      jsonb_build_array(jsonb_build_object('feature', wanted.feature, 'available', true))))`;

/** What can become another while everything that is stored of the node stays as it is. */
export type Standing = Pick<PlcNode, 'state' | 'reason' | 'lastSeenAt'>;

/** What its row alone says of a node. */
export const lastingOf = (row: NodeRow): Omit<PlcNode, keyof Standing | keyof Shown> => ({
  id: row.id,
  name: row.name,
  site: row.site,
  place: row.place,
  runLevel: row.run_level,
  runLevelDecision: row.run_level_decision,
  drain: row.drain,
  quarantine: row.quarantine,
  reboot: row.reboot === null ? null : Reboot.parse(row.reboot),
  interfaces: row.interfaces,
  addresses: [...(row.addresses ?? [])],
  certificateExpiresAt: row.certificate_expires_at?.toISOString() ?? null,
  createdAt: row.created_at.toISOString(),
  facts: row.facts,
  measured: row.measured,
  availability: row.availability,
});

/** What of a row tells whether the node is in service. */
export type StandingRow = Omit<NodeRow, 'facts'> & { readonly facts: NodeService['facts'] };

/** `heartbeatAt`: of the process that holds its uplink, if one that is alive does. */
export function standingOf(row: StandingRow, invitedUntil: Date | null, heartbeatAt: Date | null, now: Date): Standing {
  const lastSeenAt = heartbeatAt ?? row.last_seen_at;
  const node = {
    name: row.name,
    joinedAt: row.joined_at,
    lastSeenAt,
    connected: heartbeatAt !== null,
    trouble: row.trouble,
    invitedUntil,
    refused: row.refused,
    disconnectedBecause: row.disconnected_because,
    heldOffUntil: row.held_off_until,
    runLevel: row.run_level,
    runLevelDecision: row.run_level_decision,
    drain: row.drain,
    quarantine: row.quarantine,
    reboot: row.reboot,
    facts: row.facts,
  };
  const wanted = { oldestVersion: row.oldest_version ?? '', features: row.required_features ?? [] };
  return { ...serviceOf(node, wanted, now), lastSeenAt: lastSeenAt?.toISOString() ?? null };
}
