import type { SshKey, Tags } from '@planetlab/contract';
import type { ImageName, NodeId, Resources, SliceName } from '@planetlab/model';
import { type Selectable, sql } from 'kysely';
import { jsonArrayFrom } from 'kysely/helpers/postgres';
import { type NodeOrders, ordersOf } from '../nodes/orders.ts';
import type { Db, NodeTable, SliverTable } from '../store/schema.ts';
import { together } from '../store/together.ts';
import { readTagsOfSlivers } from '../tags/tags-of-slivers.ts';
import { type Known, knownOf, type Noted } from './known.ts';
import { shared, sharedText } from './shared.ts';
import type { BrokerSliver } from './types.ts';

/** What is wanted on a node, of all its slices or of those that were asked for. */
export interface NodeRows {
  /** The node was removed from the authority. */
  readonly deleted: boolean;
  /** Its leases are to end, though slivers are wanted. */
  readonly ends: boolean;
  readonly slivers: readonly BrokerSliver[];
  /** What the node was last known to have, where all was asked for. It holds on to what was read. */
  readonly known?: () => Known;
}

export type Slices = 'all' | ReadonlySet<SliceName>;

/**
 * Reads for all nodes of this process what is wanted on them: what is asked for while a read is under way goes together
 * into the next, and a slice is read once for all of its slivers in it. A slice that is put on a thousand nodes is a few
 * statements, and its resources and keys are one object.
 */
export interface WantedReader {
  read(node: NodeId, slices: Slices): Promise<NodeRows>;
}

interface Asked {
  readonly node: NodeId;
  readonly slices: Slices;
}

/** Of nodes that are read whole, with their slivers. */
const MOST_TOGETHER = 250;

export function createWantedReader(db: Db): WantedReader {
  const read = together(MOST_TOGETHER, (batch: readonly Asked[]) => readAll(db, batch));
  return { read: (node, slices) => read({ node, slices }) };
}

async function readAll(db: Db, batch: readonly Asked[]): Promise<readonly NodeRows[]> {
  const nodes = await readNodes(db, batch);
  const rows: readonly Row[] = [...(await readWhole(db, batch)), ...(await readSome(db, batch))];
  const sliceIds = new Set(rows.map(({ slice_id }) => slice_id));
  const slices = await readSlices(db, sliceIds);
  const tagsOf = await readTagsOfSlivers(db, sliceIds, new Set(rows.map(({ node_id }) => node_id)));
  const byNode = Map.groupBy(rows, ({ node_id }) => node_id);
  return batch.map(({ node, slices: which }) => {
    const orders = nodes.get(node);
    const asked = (byNode.get(node) ?? []).filter(({ slice }) => which === 'all' || which.has(slice));
    const found = asked.flatMap((row) => {
      const slice = slices.get(row.slice_id);
      if (slice === undefined) return [];
      return [[sliverOf(row, slice, orders ?? IN_SERVICE, tagsOf(row.slice_id, row.node_id)), row] as const];
    });
    const slivers = found.map(([sliver]) => sliver);
    const known = () => knownOf(found.flatMap(([sliver, { noted }]) => (noted ? [[sliver, noted] as const] : [])));
    return {
      ...{ deleted: orders === undefined, ends: orders?.slivers === 'end', slivers },
      ...(which === 'all' ? { known } : {}),
    };
  });
}

const IN_SERVICE: NodeOrders = { slivers: 'run', closed: null };

/** What was decided about each node; one that was removed is not in it. */
async function readNodes(db: Db, batch: readonly Asked[]): Promise<ReadonlyMap<NodeId, NodeOrders>> {
  const found = await db
    .selectFrom('nodes')
    .select(['id', 'run_level', 'run_level_decision', 'drain', 'quarantine'])
    .where(sql<boolean>`id = any(${batch.map(({ node }) => node)}::uuid[])`)
    .where('deleted_at', 'is', null)
    .execute();
  return new Map(found.map((row) => [row.id, ordersOfRow(row)]));
}

const ordersOfRow = (row: Pick<Selectable<NodeTable>, 'run_level' | 'run_level_decision' | 'drain' | 'quarantine'>) =>
  ordersOf({
    runLevel: row.run_level,
    runLevelDecision: row.run_level_decision,
    drain: row.drain,
    quarantine: row.quarantine,
  });

type Row = Pick<
  Selectable<SliverTable>,
  | 'id'
  | 'slice_id'
  | 'slice'
  | 'node_id'
  | 'wanted'
  | 'lease_id'
  | 'access_hash'
  | 'tags_hash'
  | 'initialised_lease'
  | 'state'
> & { readonly code: string | null; readonly noted?: Noted };

const select = (db: Db) =>
  db
    .selectFrom('slivers')
    .select(['slivers.id', 'slivers.slice_id', 'slivers.slice', 'slivers.node_id', 'slivers.wanted'])
    .select([
      'slivers.lease_id',
      'slivers.access_hash',
      'slivers.tags_hash',
      'slivers.initialised_lease',
      'slivers.state',
    ])
    .select(sql<string | null>`slivers.reason ->> 'code'`.as('code'));

async function readWhole(db: Db, batch: readonly Asked[]): Promise<readonly Row[]> {
  const nodes = batch.flatMap(({ node, slices }) => (slices === 'all' ? node : []));
  if (nodes.length === 0) return [];
  const rows = await select(db)
    .select(['slivers.reason', 'slivers.ipv4', 'slivers.ipv6'])
    .select(sql<number | null>`(extract(epoch from slivers.lease_expires_at) * 1000)::float8`.as('lease_expires_ms'))
    .select(
      sql<number | null>`(select (extract(epoch from max(at)) * 1000)::float8 from sliver_notices
        where sliver_id = slivers.id)`.as('noticed_ms'),
    )
    .where(sql<boolean>`slivers.node_id = any(${nodes}::uuid[])`)
    .execute();
  return rows.map((row) => ({ ...row, noted: row }));
}

async function readSome(db: Db, batch: readonly Asked[]): Promise<readonly Row[]> {
  const pairs = batch.flatMap(({ node, slices }) =>
    slices === 'all' ? [] : [...slices].map((slice) => [node, slice]),
  );
  if (pairs.length === 0) return [];
  const asked = sql<{ node: NodeId; slice: SliceName }>`
    unnest(${pairs.map(([node]) => node)}::uuid[], ${pairs.map(([, slice]) => slice)}::text[])`;
  return select(db)
    .innerJoin(asked.as<'asked'>(sql`asked (node, slice)`), (join) =>
      join.onRef('asked.node', '=', 'slivers.node_id').onRef('asked.slice', '=', 'slivers.slice'),
    )
    .execute();
}

interface SliceOf {
  readonly endsMs: number;
  readonly image: ImageName;
  readonly resources: Resources;
  readonly initialCommand: string;
  readonly keys: readonly SshKey[];
  readonly suspended: string | null;
}

const MAX_KEYS = 1000;

async function readSlices(db: Db, ids: ReadonlySet<string>): Promise<ReadonlyMap<string, SliceOf>> {
  if (ids.size === 0) return new Map();
  const rows = await db
    .selectFrom('slices')
    .select(['slices.id', 'slices.expires_at', 'slices.image', 'slices.resources', 'slices.initial_command'])
    .select((eb) =>
      jsonArrayFrom(
        eb
          .selectFrom('slice_persons')
          .innerJoin('keys', 'keys.person', 'slice_persons.person')
          .innerJoin('persons', 'persons.email', 'slice_persons.person')
          .select(['keys.person', 'keys.key'])
          .whereRef('slice_persons.slice_id', '=', 'slices.id')
          .where('persons.enabled', '=', true)
          .where('keys.person', 'not in', (stopped) =>
            stopped.selectFrom('stopped_persons').select('stopped_persons.person'),
          )
          .orderBy('keys.fingerprint')
          .limit(MAX_KEYS),
      ).as('keys'),
    )
    .select((eb) =>
      eb
        .selectFrom('slice_suspensions')
        .select('slice_suspensions.reason')
        .whereRef('slice_suspensions.slice_id', '=', 'slices.id')
        .orderBy('slice_suspensions.at')
        .limit(1)
        .as('suspended'),
    )
    .where(sql<boolean>`slices.id = any(${[...ids]}::uuid[])`)
    .execute();
  return new Map(
    rows.map(({ id, expires_at, image, resources, initial_command, keys, suspended }) => [
      id,
      {
        endsMs: expires_at.getTime(),
        image,
        resources: shared(resources),
        initialCommand: initial_command,
        keys,
        suspended,
      },
    ]),
  );
}

function sliverOf(row: Row, slice: SliceOf, orders: NodeOrders, tags: Tags): BrokerSliver {
  const isInitialised = row.initialised_lease !== null && row.initialised_lease === row.lease_id;
  return {
    id: row.id,
    slice: sharedText(row.slice),
    wanted: row.wanted,
    sliceEndsMs: slice.endsMs,
    image: slice.image,
    resources: slice.resources,
    leaseId: row.lease_id,
    keys: slice.keys,
    accessHash: sharedText(row.access_hash),
    tags,
    tagsHash: row.tags_hash,
    initialCommand: isInitialised ? '' : slice.initialCommand,
    ...serviceOf(orders, slice.suspended),
    shown: { state: sharedText(row.state), code: sharedText(row.code) },
  };
}

/** The longest reason that a lease carries. */
const STOPPED_LIMIT_CHARACTERS = 500;

/** Whether a sliver may run, and be leased: what was decided about its slice comes before what was about its node. */
function serviceOf(orders: NodeOrders, suspended: string | null): Pick<BrokerSliver, 'stopped' | 'held'> {
  if (suspended !== null) {
    const message = `The slice is suspended: ${suspended}`.slice(0, STOPPED_LIMIT_CHARACTERS);
    return { stopped: message, held: { code: 'slice_suspended', message } };
  }
  return { stopped: orders.slivers === 'stop' ? (orders.closed?.message ?? null) : null, held: orders.closed };
}
