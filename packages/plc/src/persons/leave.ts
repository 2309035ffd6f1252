import type { Person } from '@planetlab/contract';
import { type PersonEmail, PlanetLabError, type SliceName } from '@planetlab/model';
import type { Actor } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { letterTo } from '../mail/letter.ts';
import type { Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { isAdminPerson, requireAnotherAdmin, siteOf } from './roles.ts';
import { getPerson } from './store.ts';

/**
 * A person leaves. Slices that only they are in go to `handTo`; refused while one would be without people, or the
 * authority without an admin. What they did stays attributed to them in the event log. Throws `conflict`, `unknown_person`.
 */
export async function removePerson(
  store: Store,
  actor: Actor,
  email: PersonEmail,
  handTo?: PersonEmail,
): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    await trx.selectFrom('persons').select('email').where('email', '=', email).forUpdate().executeTakeFirst();
    const person = await getPerson(trx, email);
    if (isAdminPerson(person)) await requireAnotherAdmin(trx, email);
    const slices = await slicesOf(trx, email);
    const alone = slices.filter(({ others }) => Number(others) === 0);
    if (handTo !== undefined) await requireHeir(trx, email, handTo);
    if (alone.length > 0 && handTo === undefined) throw leavesAlone(email, alone);
    if (handTo !== undefined) for (const slice of alone) await handOver(trx, at, actor, slice, email, handTo);
    for (const { name, site } of slices) {
      const entry = { at, actor: actor.principal, kind: 'slice.person-removed', subject: name, site, slice: name };
      await record(trx, { ...entry, before: { person: email } }, { type: 'slice', name });
    }
    await trx.deleteFrom('persons').where('email', '=', email).execute();
    const { name, roles } = person;
    const entry = { at, actor: actor.principal, kind: 'person.removed', subject: email, ...siteOf(person) };
    await record(trx, { ...entry, before: { name, roles } }, { type: 'person', name: email });
    await tellOfEnd(trx, at, actor, person, alone, handTo);
  });
}

interface OwnSlice {
  readonly id: string;
  readonly name: SliceName;
  readonly site: Parameters<typeof record>[1]['site'] & string;
  /** How many other enabled people are in it. */
  readonly others: number;
}

const slicesOf = (trx: Trx, email: PersonEmail): Promise<OwnSlice[]> =>
  trx
    .selectFrom('slices')
    .innerJoin('slice_persons as own', 'own.slice_id', 'slices.id')
    .select((eb) => [
      'slices.id',
      'slices.name',
      'slices.site',
      eb
        .selectFrom('slice_persons as other')
        .innerJoin('persons', 'persons.email', 'other.person')
        .select((count) => count.fn.countAll<number>().as('count'))
        .whereRef('other.slice_id', '=', 'slices.id')
        .where('other.person', '!=', email)
        .where('persons.enabled', '=', true)
        .$asScalar()
        .$notNull()
        .as('others'),
    ])
    .where('own.person', '=', email)
    .where('slices.deleted_at', 'is', null)
    .orderBy('slices.name')
    .execute();

const MOST_NAMED = 5;

function leavesAlone(email: PersonEmail, slices: readonly OwnSlice[]): PlanetLabError {
  const names = slices.map(({ name }) => name);
  const more = names.length > MOST_NAMED ? ` and ${names.length - MOST_NAMED} more` : '';
  return new PlanetLabError(
    'conflict',
    `Nobody else is in ${names.slice(0, MOST_NAMED).join(', ')}${more}. Delete what is not needed, add people, or hand all of them to somebody: pl person remove ${email} --hand-to MAIL`,
    { details: { slices: names.slice(0, 100) } },
  );
}

async function requireHeir(trx: Trx, email: PersonEmail, handTo: PersonEmail): Promise<void> {
  const heir = await getPerson(trx, handTo);
  if (heir.enabled && handTo !== email) return;
  throw new PlanetLabError('conflict', `${handTo} cannot take over slices: name another person, who is enabled.`);
}

async function handOver(trx: Trx, at: Date, actor: Actor, slice: OwnSlice, from: PersonEmail, to: PersonEmail) {
  await trx
    .insertInto('slice_persons')
    .values({ slice_id: slice.id, person: to })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const { name, site } = slice;
  const entry = { at, actor: actor.principal, kind: 'slice.handed-over', subject: name, site, slice: name };
  await record(trx, { ...entry, before: { person: from }, after: { person: to } }, { type: 'slice', name });
}

async function tellOfEnd(
  trx: Trx,
  at: Date,
  actor: Actor,
  person: Person,
  handed: readonly OwnSlice[],
  handTo: PersonEmail | undefined,
) {
  await letterTo(trx, at, person.email, 'person.removed', 'Your account has ended', [
    `Your account ${person.email} was removed${actor.email === person.email ? ', as you asked' : ` by ${actor.email}`}. Your keys, tokens and sessions work no longer.`,
  ]);
  if (handTo === undefined || handed.length === 0) return;
  await letterTo(trx, at, handTo, 'slice.handed-over', `Slices of ${person.email} are yours now`, [
    `${person.email} has left. You are now in: ${handed.map(({ name }) => name).join(', ')}.`,
    'Delete what is not needed, and add people to the rest.',
  ]);
}
