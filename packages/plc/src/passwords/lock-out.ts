import { formatDuration, MINUTE_MS, type PersonEmail, PlanetLabError, Principal } from '@planetlab/model';
import { sql } from 'kysely';
import { record } from '../events/record.ts';
import { letterTo } from '../mail/letter.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

const MOST_FAILURES = 10;
const WINDOW_MS = 15 * MINUTE_MS;
const ACTOR = Principal.parse('service:plc');

/**
 * Counts an attempt before its password is looked at, so that many at once count as well. After ten in fifteen minutes
 * no more are looked at until these are over, whether there is such a person or not. Throws `too_many_requests`.
 */
export async function countAttempt(store: Store, email: PersonEmail): Promise<void> {
  const at = store.now();
  const over = new Date(at.getTime() - WINDOW_MS);
  const { failures, since } = await store.db
    .insertInto('sign_in_failures')
    .values({ email, failures: 1, since: at })
    .onConflict((conflict) =>
      conflict.column('email').doUpdateSet({
        failures: sql<number>`case when sign_in_failures.since < ${over} then 1 else sign_in_failures.failures + 1 end`,
        since: sql<Date>`case when sign_in_failures.since < ${over} then ${at} else sign_in_failures.since end`,
      }),
    )
    .returning(['failures', 'since'])
    .executeTakeFirstOrThrow();
  if (failures <= MOST_FAILURES) return;
  if (failures === MOST_FAILURES + 1) await tellOfLock(store, email);
  const leftMs = Math.max(1000, since.getTime() + WINDOW_MS - at.getTime());
  throw new PlanetLabError(
    'too_many_requests',
    `Signing in failed too often with this mail address. Try again in ${formatDuration(leftMs)}, or choose a new password by mail.`,
    { details: { retryAfterSeconds: Math.ceil(leftMs / 1000) } },
  );
}

export async function forgetAttempts(db: Db | Trx, email: PersonEmail): Promise<void> {
  await db.deleteFrom('sign_in_failures').where('email', '=', email).execute();
}

/** Attempts that count no longer, and secrets that work no longer. */
export async function tidySignIns(trx: Trx, at: Date): Promise<void> {
  await trx
    .deleteFrom('sign_in_failures')
    .where('since', '<', new Date(at.getTime() - WINDOW_MS))
    .execute();
  const more = ['passkey_challenges', 'oidc_sign_ins', 'device_sign_ins', 'address_changes'] as const;
  for (const table of ['sign_ups', 'invitations', 'password_resets', ...more] as const)
    await trx.deleteFrom(table).where('expires_at', '<', at).execute();
}

async function tellOfLock(store: Store, email: PersonEmail): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const person = await trx.selectFrom('persons').select('name').where('email', '=', email).executeTakeFirst();
    if (person === undefined) return;
    await record(trx, { at, actor: ACTOR, kind: 'sign-in.locked', subject: email });
    await letterTo(trx, at, email, 'sign-in.locked', 'Signing in is locked for a while', [
      `Somebody tried to sign in as ${email} and failed ${MOST_FAILURES} times. For ${formatDuration(WINDOW_MS)} no password is taken.`,
      'If it was not you, your password is still safe: nobody learned whether they were close. A passkey works meanwhile.',
    ]);
  });
}
