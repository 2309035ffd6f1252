import { hashSecret } from '@planetlab/credentials';
import { MINUTE_MS, PlanetLabError } from '@planetlab/model';
import { record } from '../events/record.ts';
import { letterTo } from '../mail/letter.ts';
import { newCode } from '../sessions/secrets.ts';
import { type OpenedSession, openSession } from '../sessions/sessions.ts';
import { principalOf } from '../sessions/store.ts';
import type { Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import type { OidcAttempt, OidcIdentity } from './provider.ts';

export const OIDC_ATTEMPT_MS = 10 * MINUTE_MS;

/** Keeps an attempt until the browser comes back. The secret is for a cookie: only the same browser may finish it. */
export async function keepAttempt(store: Store, { state, nonce, verifier }: OidcAttempt): Promise<string> {
  const { code, hash } = newCode();
  const expires = new Date(store.now().getTime() + OIDC_ATTEMPT_MS);
  const row = { hash: hashSecret(state), browser_hash: hash, nonce, verifier, expires_at: expires };
  await store.db.insertInto('oidc_sign_ins').values(row).execute();
  return code;
}

/** Once, and only by the browser that began it. Throws `sign_in_failed`. */
export async function takeAttempt(store: Store, state: string, browserSecret: string): Promise<OidcAttempt> {
  const row = await store.db
    .deleteFrom('oidc_sign_ins')
    .where('hash', '=', hashSecret(state))
    .where('browser_hash', '=', hashSecret(browserSecret))
    .where('expires_at', '>', store.now())
    .returning(['nonce', 'verifier'])
    .executeTakeFirst();
  if (row !== undefined) return { state, ...row };
  throw new PlanetLabError(
    'sign_in_failed',
    'This sign-in was not begun in this browser, or took too long. Try again.',
  );
}

/**
 * A session for whom the identity belongs to. The first time, that is who has the mail address that the provider vouches
 * for. Throws `unknown_person`, `sign_in_failed`.
 */
export async function signInAs(store: Store, identity: OidcIdentity, browser: string): Promise<OpenedSession> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const known = await trx
      .selectFrom('identities')
      .select('person')
      .where('issuer', '=', identity.issuer)
      .where('subject', '=', identity.subject)
      .executeTakeFirst();
    const email = known?.person ?? (await link(trx, at, identity));
    const person = await trx
      .selectFrom('persons')
      .select('enabled')
      .where('email', '=', email)
      .executeTakeFirstOrThrow();
    if (!person.enabled) throw new PlanetLabError('sign_in_failed', `The account ${email} is not enabled.`);
    return openSession(trx, at, email, { method: 'oidc', browser });
  });
}

async function link(trx: Trx, at: Date, { issuer, subject, email }: OidcIdentity) {
  if (email === undefined) {
    throw new PlanetLabError(
      'sign_in_failed',
      'Your institution does not vouch for your mail address. Sign in another way.',
    );
  }
  const person = await trx
    .selectFrom('persons')
    .select(['email', 'enabled'])
    .where('email', '=', email)
    .executeTakeFirst();
  if (person === undefined) {
    throw new PlanetLabError('unknown_person', `There is no account for ${email}. Sign up first, with this address.`);
  }
  const row = { issuer, subject, person: email, created_at: at };
  await trx
    .insertInto('identities')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
  const after = { issuer, subject };
  await record(trx, { at, actor: principalOf(email), kind: 'identity.linked', subject: email, after });
  await letterTo(trx, at, email, 'identity.linked', 'Your institution’s account signs in now', [
    `The account of ${issuer} with your mail address can sign in as ${email} now.`,
  ]);
  return email;
}
