import { hashSecret } from '@planetlab/credentials';
import { formatDuration, HOUR_MS, type PersonEmail, PlanetLabError, type Principal } from '@planetlab/model';
import type { Actor } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { letterTo, unaskedLetter } from '../mail/letter.ts';
import { FRESH_SESSION_MS, newCode } from '../sessions/secrets.ts';
import { endSessionsOf } from '../sessions/sessions.ts';
import { principalOf } from '../sessions/store.ts';
import type { Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import type { PasswordHasher } from './hash.ts';
import { countAttempt, forgetAttempts } from './lock-out.ts';

export interface Passwords {
  readonly store: Store;
  readonly hasher: PasswordHasher;
  readonly publicUrl: () => string;
}

/** The same for a wrong password, for nobody of that name, and for who is not enabled. */
const signInFailed = () =>
  new PlanetLabError(
    'sign_in_failed',
    'The mail address and the password do not belong together, or the account is not enabled yet.',
  );

/**
 * Who has this password, if they may sign in. Counts attempts, and makes the hash anew when it is outdated.
 * Throws `sign_in_failed`, `too_many_requests`.
 */
export async function checkPassword(of: Passwords, email: PersonEmail, password: string): Promise<PersonEmail> {
  const { store, hasher } = of;
  await countAttempt(store, email);
  const row = await store.db
    .selectFrom('persons')
    .select(['password', 'enabled'])
    .where('email', '=', email)
    .executeTakeFirst();
  const right = await hasher.verify(password, row?.password ?? undefined);
  if (!right || row?.enabled !== true) throw signInFailed();
  await forgetAttempts(store.db, email);
  if (hasher.isOutdated(row.password ?? '')) {
    const renewed = await hasher.hash(password);
    // Only in the place of the hash that was read: it may have been changed meanwhile.
    const same = store.db.updateTable('persons').set({ password: renewed }).where('email', '=', email);
    await same.where('password', '=', row.password).execute();
  }
  return email;
}

/** By who is signed in; who has a password gives it. Throws `sign_in_failed`, `too_many_requests`. */
export async function changePassword(
  of: Passwords,
  actor: Actor,
  change: { readonly current?: string | undefined; readonly password: string },
  session: string | undefined,
): Promise<void> {
  const { store, hasher } = of;
  const known = await hashOf(of, actor);
  if (known !== null) await requireCurrent(of, actor.email, known, change.current);
  const hash = await hasher.hash(change.password);
  const at = store.now();
  await store.db
    .transaction()
    .execute((trx) => setPassword(trx, at, actor.principal, { email: actor.email, hash, session }));
}

async function hashOf({ store }: Passwords, { email }: Actor): Promise<string | null> {
  const row = store.db.selectFrom('persons').select('password').where('email', '=', email);
  return (await row.executeTakeFirstOrThrow()).password;
}

/**
 * For what a stolen token or a browser left open must not do: who has a password gives it, who has none has just signed in
 * to the console by passkey or institution. Throws `sign_in_failed`, `too_many_requests`.
 */
export async function requireShown(
  of: Passwords,
  actor: Actor,
  shown: { readonly password?: string | undefined; readonly session: string | undefined },
): Promise<void> {
  const known = await hashOf(of, actor);
  if (known !== null) return requireCurrent(of, actor.email, known, shown.password);
  const since = new Date(of.store.now().getTime() - FRESH_SESSION_MS);
  const fresh = of.store.db
    .selectFrom('sessions')
    .select('id')
    .where('hash', '=', hashSecret(shown.session ?? ''));
  const found = fresh.where('created_at', '>', since).where('method', 'in', ['passkey', 'oidc']);
  if ((await found.executeTakeFirst()) !== undefined) return;
  throw new PlanetLabError(
    'sign_in_failed',
    `Show first that it is you: sign in to the console anew, and ask there within ${formatDuration(FRESH_SESSION_MS)}.`,
  );
}

async function requireCurrent(of: Passwords, email: PersonEmail, hash: string, current = ''): Promise<void> {
  await countAttempt(of.store, email);
  if (!(await of.hasher.verify(current, hash))) {
    throw new PlanetLabError('sign_in_failed', 'Your password is another one. Give the one that you have now.');
  }
  await forgetAttempts(of.store.db, email);
}

interface NewHash {
  readonly email: PersonEmail;
  readonly hash: string;
  /** The session that stays. */
  readonly session?: string | undefined;
}

async function setPassword(trx: Trx, at: Date, actor: Principal, { email, hash, session }: NewHash): Promise<void> {
  await trx.updateTable('persons').set({ password: hash }).where('email', '=', email).execute();
  await endSessionsOf(trx, email, session);
  await trx.deleteFrom('password_resets').where('person', '=', email).execute();
  await forgetAttempts(trx, email);
  await record(trx, { at, actor, kind: 'password.changed', subject: email });
  await letterTo(trx, at, email, 'password.changed', 'Your password was changed', [
    `The password of ${email} was changed. Sessions of the console elsewhere have ended; API tokens go on.`,
    'If it was not you, choose a new one by "Forgot your password?" on the sign-in page, and look at your tokens, passkeys and keys.',
  ]);
}

const RESET_MS = HOUR_MS;

/** Sends a link to choose a new password; to an address without an account, a mail that says so. */
export async function requestReset(of: Passwords, email: PersonEmail): Promise<void> {
  const at = of.store.now();
  const { code, hash } = newCode();
  const expiresAt = new Date(at.getTime() + RESET_MS);
  const subject = 'Choose a new password';
  await of.store.db.transaction().execute(async (trx) => {
    const person = await trx.selectFrom('persons').select('email').where('email', '=', email).executeTakeFirst();
    if (person === undefined) {
      await unaskedLetter(trx, at, email, 'password.reset', subject, [
        `Somebody asked for a new password for ${email}, but there is no account with this address.`,
        'You may have signed up with another one. If it was not you, there is nothing to do.',
      ]);
      return;
    }
    await trx
      .insertInto('password_resets')
      .values({ hash, person: email, created_at: at, expires_at: expiresAt })
      .execute();
    await record(trx, { at, actor: principalOf(email), kind: 'password.reset-requested', subject: email });
    await unaskedLetter(trx, at, email, 'password.reset', subject, [
      `To choose a new password for ${email}, open this link within ${formatDuration(RESET_MS)}. It works once.`,
      `${of.publicUrl()}/new-password#${code}`,
      'If you did not ask for it, there is nothing to do: your password stays as it is.',
    ]);
  });
}

/** Throws `mail_link_invalid`. */
export async function resetPassword(of: Passwords, code: string, password: string): Promise<void> {
  const { store, hasher } = of;
  const at = store.now();
  const hash = hashSecret(code);
  const isValid = () =>
    store.db.selectFrom('password_resets').select('person').where('hash', '=', hash).where('expires_at', '>', at);
  if ((await isValid().executeTakeFirst()) === undefined) throw linkInvalid();
  const passwordHash = await hasher.hash(password);
  await store.db.transaction().execute(async (trx) => {
    const used = await trx
      .deleteFrom('password_resets')
      .where('hash', '=', hash)
      .where('expires_at', '>', at)
      .returning('person')
      .executeTakeFirst();
    if (used === undefined) throw linkInvalid();
    await setPassword(trx, at, principalOf(used.person), { email: used.person, hash: passwordHash });
  });
}

export const linkInvalid = () =>
  new PlanetLabError(
    'mail_link_invalid',
    'This link was used already, is too old, or was withdrawn. Ask for a new one.',
  );
