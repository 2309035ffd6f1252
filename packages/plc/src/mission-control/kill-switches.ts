import type { KillSwitch, KillSwitchKind } from '@planetlab/contract';
import {
  PersonEmail,
  PlanetLabError,
  type Principal,
  parseName,
  SiteName,
  SliceName,
  type SliceName as SliceNameType,
} from '@planetlab/model';
import type { Selectable } from 'kysely';
import { type Announcement, announce, record } from '../events/record.ts';
import { getPerson, orNothing } from '../persons/store.ts';
import { getSite } from '../sites/store.ts';
import { findSlice } from '../slices/store.ts';
import { liftSuspension, suspend } from '../slices/suspensions.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { KillSwitchTable } from '../store/schema-mission-control.ts';
import type { Store } from '../store/store.ts';

/** A thing that can be stopped. */
export interface Target {
  readonly kind: KillSwitchKind;
  readonly name: string;
}

const SCHEMAS = { slice: SliceName, person: PersonEmail, site: SiteName } as const;

/** Throws `malformed_name`. */
export const toTarget = (kind: KillSwitchKind, name: string): Target => ({
  kind,
  name: parseName(SCHEMAS[kind], name),
});

const toSwitch = (row: Selectable<KillSwitchTable>): KillSwitch => ({
  kind: row.kind,
  name: row.name,
  reason: row.reason,
  at: row.at.toISOString(),
  by: row.actor,
});

/** In the order of `kind name`, which is also the cursor. */
export async function listKillSwitches(db: Db, page: { readonly limit: number; readonly after?: string | undefined }) {
  const [kind = '', name = ''] = (page.after ?? '').split(' ');
  const rows = await db
    .selectFrom('kill_switches')
    .selectAll()
    .where((eb) => eb(eb.refTuple('kind', 'name'), '>', eb.tuple(kind as KillSwitchKind, name)))
    .orderBy('kind')
    .orderBy('name')
    .limit(page.limit)
    .execute();
  return rows.map(toSwitch);
}

/** Stops at once: with the commit no request of theirs is answered, and the broker is told. Throws `unknown_*`. */
export async function stop(store: Store, actor: Principal, target: Target, reason: string): Promise<KillSwitch> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    await requireThere(trx, target, at);
    const row = { ...target, reason, at, actor };
    await trx
      .insertInto('kill_switches')
      .values(row)
      .onConflict((conflict) => conflict.columns(['kind', 'name']).doUpdateSet(row))
      .execute();
    await recordSwitch(trx, at, actor, target, 'stopped', { after: { reason } });
    await followKillSwitches(trx, actor, at);
    return toSwitch(row);
  });
}

/** Throws `not_stopped`. */
export async function lift(store: Store, actor: Principal, target: Target): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const lifted = await trx
      .deleteFrom('kill_switches')
      .where('kind', '=', target.kind)
      .where('name', '=', target.name)
      .returning(['reason', 'actor', 'at'])
      .executeTakeFirst();
    if (lifted === undefined)
      throw new PlanetLabError('not_stopped', `The ${target.kind} ${target.name} is not stopped by a kill switch.`);
    await recordSwitch(trx, at, actor, target, 'let-go', { before: lifted });
    await followKillSwitches(trx, actor, at);
  });
}

async function requireThere(trx: Trx, { kind, name }: Target, at: Date): Promise<void> {
  if (kind === 'slice') await findSlice(trx, SliceName.parse(name), at);
  else if (kind === 'person') await getPerson(trx, PersonEmail.parse(name));
  else await getSite(trx, SiteName.parse(name));
}

async function recordSwitch(
  trx: Trx,
  at: Date,
  actor: Principal,
  { kind, name }: Target,
  verb: string,
  what: { readonly before?: unknown; readonly after?: unknown },
): Promise<void> {
  const site = kind === 'site' ? { site: SiteName.parse(name) } : {};
  const slice = kind === 'slice' ? { slice: SliceName.parse(name) } : {};
  const entry = { at, actor, kind: `${kind}.${verb}`, subject: name, ...site, ...slice, ...what };
  await record(trx, entry, { type: kind, name });
  await announce(trx, ...(await peopleOf(trx, { kind, name })));
}

/** Their keys are taken off, or put on again, everywhere. */
async function peopleOf(trx: Trx, { kind, name }: Target): Promise<Announcement[]> {
  if (kind !== 'site') return [];
  const rows = await trx
    .selectFrom('roles')
    .select('person')
    .distinct()
    .where('site', '=', SiteName.parse(name))
    .execute();
  return rows.map(({ person }) => ({ type: 'person', name: person }));
}

interface StoppedSlice {
  readonly id: string;
  readonly name: SliceNameType;
  readonly site: SiteName;
  readonly reason: string;
}

const ALL_STOPPED = 'All of its people are stopped.';

/**
 * Makes the suspensions of slices what the kill switches say, whatever they were. Called in the transaction of every change
 * of one; again and again it changes nothing.
 */
export async function followKillSwitches(trx: Trx, actor: Principal, at: Date): Promise<void> {
  const wanted = await stoppedSlices(trx);
  const there = await trx
    .selectFrom('slice_suspensions')
    .innerJoin('slices', 'slices.id', 'slice_suspensions.slice_id')
    .select(['slices.id', 'slices.name', 'slices.site', 'slice_suspensions.reason'])
    .where('cause', '=', 'kill-switch')
    .execute();
  const before = new Map(there.map((slice) => [slice.id, slice.reason]));
  for (const slice of wanted) {
    if (before.get(slice.id) !== slice.reason)
      await suspend(trx, slice, { cause: 'kill-switch', reason: slice.reason, actor, at });
  }
  const stopped = new Set(wanted.map(({ id }) => id));
  for (const slice of there) {
    if (!stopped.has(slice.id)) await liftSuspension(trx, slice, { cause: 'kill-switch', actor, at });
  }
}

async function stoppedSlices(trx: Trx): Promise<StoppedSlice[]> {
  const switches = await trx.selectFrom('kill_switches').select(['kind', 'name', 'reason']).execute();
  if (switches.length === 0) return [];
  const reasons = new Map(switches.map(({ kind, name, reason }) => [`${kind} ${name}`, reason]));
  const names = (kind: KillSwitchKind) =>
    orNothing(switches.filter((one) => one.kind === kind).map(({ name }) => name));
  const rows = await trx
    .selectFrom('slices')
    .select(['id', 'name', 'site'])
    .where('deleted_at', 'is', null)
    .where((eb) => {
      const people = eb.selectFrom('slice_persons').select('person').whereRef('slice_id', '=', 'slices.id');
      const stopped = eb.selectFrom('stopped_persons').select('stopped_persons.person');
      return eb.or([
        eb('name', 'in', names('slice') as SliceNameType[]),
        eb('site', 'in', names('site') as SiteName[]),
        eb.and([eb.exists(people), eb.not(eb.exists(people.where('person', 'not in', stopped)))]),
      ]);
    })
    .execute();
  return rows.map((slice) => ({
    ...slice,
    reason: reasons.get(`slice ${slice.name}`) ?? reasons.get(`site ${slice.site}`) ?? ALL_STOPPED,
  }));
}
