import type { PersonEmail } from '@planetlab/model';
import { sql } from 'kysely';
import { principalOf } from '../sessions/store.ts';
import { orAlreadyExists } from '../store/database.ts';
import type { Trx } from '../store/schema.ts';

/** What goes with a person to another address, by table and column. */
export const MOVED = [
  ['roles', 'person'],
  ['keys', 'person'],
  ['tokens', 'person'],
  ['sessions', 'person'],
  ['role_requests', 'person'],
  ['invitations', 'invited_by'],
  ['passkeys', 'person'],
  ['identities', 'person'],
  ['address_changes', 'person'],
] as const;

/** What does not: it was mailed to the address before, or is under way. `slice_persons` goes as people who leave and come. */
export const LEFT = [
  ['sign_in_links', 'person'],
  ['password_resets', 'person'],
  ['passkey_challenges', 'person'],
  ['device_sign_ins', 'person'],
  ['slice_persons', 'person'],
] as const;

/**
 * Gives a person another address, by which everything here names them. Events keep the one that they had; so do the times
 * at which they were in slices, which begin anew. Throws `already_exists`.
 */
export async function moveAddress(trx: Trx, from: PersonEmail, to: PersonEmail): Promise<void> {
  const { handle } = await trx
    .selectFrom('persons')
    .select('handle')
    .where('email', '=', from)
    .forUpdate()
    .executeTakeFirstOrThrow();
  const copy = sql`insert into persons select (jsonb_populate_record(persons,
    jsonb_build_object('email', ${to}::text, 'handle', gen_random_uuid()))).* from persons where email = ${from}`;
  await orAlreadyExists(copy.execute(trx), 'There is an account with this mail address already.');
  for (const [table, column] of MOVED) {
    const to_ = sql.ref(column);
    await sql`update ${sql.table(table)} set ${to_} = ${to} where ${to_} = ${from}`.execute(trx);
  }
  await sql`insert into slice_persons (slice_id, person)
    select slice_id, ${to} from slice_persons where person = ${from}`.execute(trx);
  await trx.deleteFrom('persons').where('email', '=', from).execute();
  await trx.updateTable('persons').set({ handle }).where('email', '=', to).execute(); // by which passkeys know them
  const stopped = trx.updateTable('kill_switches').set({ name: to }).where('kind', '=', 'person');
  await stopped.where('name', '=', from).execute();
  for (const table of ['operations', 'pending_decisions'] as const) {
    const mine = trx.updateTable(table).set({ actor: principalOf(to) });
    await mine.where('actor', '=', principalOf(from)).execute();
  }
}
