import { isDeepStrictEqual } from 'node:util';
import type { NodeMeasured, PlcNode } from '@planetlab/contract';
import { type NodeId, SECOND_MS } from '@planetlab/model';
import { sql } from 'kysely';
import { announce } from '../events/record.ts';
import { givenRows } from '../store/given-rows.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { together } from '../store/together.ts';

type Facts = NonNullable<PlcNode['facts']>;

/** What a node says of itself. */
export interface SaidFacts {
  readonly id: NodeId;
  readonly facts: Facts;
  readonly measured: NodeMeasured;
}

/** That, or what was wrong when it was asked. */
export type FoundFacts = SaidFacts | { readonly id: NodeId; readonly trouble: NonNullable<PlcNode['reason']> };

export interface FactsStore {
  /** Stores it at once. Watchers hear of it when it matters to them. */
  store(found: FoundFacts): Promise<void>;
  /** Stores what is at most another clock and other sensors than what was stored before: a second later, with that of others. */
  storeAgain(said: SaidFacts): Promise<void>;
}

const FACTS_TOGETHER = 100;
const AGAIN_TOGETHER = 250;
const FACTS_COLUMNS = { id: 'uuid', facts: 'jsonb', trouble: 'jsonb', measured: 'jsonb' } as const;
const AGAIN_COLUMNS = { id: 'uuid', passing: 'jsonb', measured: 'jsonb' } as const;

/** For many nodes at once. */
export function createFactsStore({ db }: Store): FactsStore {
  const nothing = (batch: readonly unknown[]) => batch.map(() => undefined);
  return {
    store: together(FACTS_TOGETHER, async (batch: readonly FoundFacts[]) => {
      await db.transaction().execute((trx) => storeFacts(trx, batch));
      return nothing(batch);
    }),
    storeAgain: together(
      AGAIN_TOGETHER,
      async (batch: readonly SaidFacts[]) => {
        await storePassing(db, batch);
        return nothing(batch);
      },
      { gatherMs: SECOND_MS },
    ),
  };
}

/** Nothing but what is another at every look: the rest may have been stored anew meanwhile, by whoever holds the node's next uplink. */
async function storePassing(db: Db, batch: readonly SaidFacts[]): Promise<void> {
  const given = givenRows(
    AGAIN_COLUMNS,
    batch.map(({ id, facts: { clock, sensors }, measured }) => ({ id, passing: { clock, sensors }, measured })),
  );
  const ids = batch.map(({ id }) => id);
  await sql`
    with locked as materialized (
      select id from nodes where id = any(${ids}::uuid[]) order by id for no key update) -- as everywhere: nobody waits in a circle
    update nodes set facts = nodes.facts || given.passing, measured = given.measured
    from ${given} join locked on locked.id = given.id where nodes.id = given.id`.execute(db);
}

async function storeFacts(trx: Trx, batch: readonly FoundFacts[]): Promise<void> {
  const found = new Map(batch.map((each) => [each.id, each])); // the last of each node
  const before = await trx
    .selectFrom('nodes')
    .select(['id', 'name', 'facts', 'trouble', 'measured'])
    .where('id', 'in', [...found.keys()])
    .orderBy('id')
    .forNoKeyUpdate()
    .execute();
  const after = before.flatMap((row) => {
    const said = found.get(row.id);
    if (said === undefined) return [];
    return 'facts' in said
      ? { ...row, ...said, trouble: null, isNew: row.trouble !== null || !sameFacts(row.facts, said.facts) }
      : { ...row, trouble: said.trouble, isNew: row.trouble?.message !== said.trouble.message };
  });
  const given = givenRows(
    FACTS_COLUMNS,
    after.map(({ id, facts, trouble, measured }) => ({ id, facts, trouble, measured })),
  );
  await sql`update nodes set facts = given.facts, trouble = given.trouble, measured = given.measured from ${given} where nodes.id = given.id`.execute(
    trx,
  );
  const changed = after.filter(({ isNew }) => isNew);
  await announce(trx, ...changed.map(({ name }) => ({ type: 'node', name, fromNode: true }) as const));
}

const sameFacts = (a: Facts | null, b: Facts): boolean =>
  a !== null && isDeepStrictEqual(lastingFactsOf(a), lastingFactsOf(b));

/** Without what is another at every look. */
export function lastingFactsOf(facts: Facts): Omit<Facts, 'clock' | 'sensors'> {
  const { clock: _clock, sensors: _sensors, ...rest } = facts;
  return rest;
}
