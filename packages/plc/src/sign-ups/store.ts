import type { SignUp } from '@planetlab/contract';
import { hashSecret } from '@planetlab/credentials';
import { DAY_MS, formatDuration, type PersonEmail, PlanetLabError, type SiteName } from '@planetlab/model';
import { record } from '../events/record.ts';
import { unaskedLetter } from '../mail/letter.ts';
import type { PasswordHasher } from '../passwords/hash.ts';
import { linkInvalid } from '../passwords/store.ts';
import { newCode } from '../sessions/secrets.ts';
import { principalOf } from '../sessions/store.ts';
import { getSettings } from '../settings/store.ts';
import { getSite } from '../sites/store.ts';
import { orAlreadyExists } from '../store/database.ts';
import type { Store } from '../store/store.ts';
import { insertRequest } from './requests.ts';

export interface SignUps {
  readonly store: Store;
  readonly hasher: PasswordHasher;
  readonly publicUrl: () => string;
}

const LINK_MS = 2 * DAY_MS;

/** The mail goes out in either case, and the answer is the same: nobody learns here who has an account. Throws `unknown_site`, `forbidden`. */
export async function signUp(of: SignUps, input: SignUp): Promise<void> {
  const { store, publicUrl } = of;
  const at = store.now();
  const { email, name, site, role } = input;
  if (!(await getSettings(store.db)).signUpOpen) {
    throw new PlanetLabError('forbidden', `Nobody can sign up here by themselves. Ask a PI of ${site} to invite you.`);
  }
  await getSite(store.db, site);
  const { code, hash } = newCode();
  await store.db.transaction().execute(async (trx) => {
    const subject = 'Your sign-up at PlanetLab';
    const person = await trx.selectFrom('persons').select('email').where('email', '=', email).executeTakeFirst();
    if (person !== undefined) {
      await unaskedLetter(trx, at, email, 'sign-up.started', subject, [
        `Somebody signed up as ${email}, but there is an account with this address already.`,
        `If it was you, sign in at ${publicUrl()}/sign-in; "Forgot your password?" helps. If it was not you, there is nothing to do.`,
      ]);
      return;
    }
    const row = { hash, email, name, site, role, created_at: at, expires_at: new Date(at.getTime() + LINK_MS) };
    await trx.insertInto('sign_ups').values(row).execute();
    await unaskedLetter(trx, at, email, 'sign-up.started', subject, [
      `Somebody, probably you, signed up as ${email} to be ${role} at ${site}.`,
      `To go on, open this link within ${formatDuration(LINK_MS)} and choose a password. It works once.`,
      `${publicUrl()}/confirm#${code}`,
      'If it was not you, there is nothing to do: without the link there will be no account.',
    ]);
  });
}

/** The address is proven: now there is a person, disabled, and a request for their site's PIs. Throws `mail_link_invalid`. */
export async function confirmSignUp(
  of: SignUps,
  code: string,
  password: string,
): Promise<{ email: PersonEmail; site: SiteName }> {
  const { store, hasher } = of;
  const at = store.now();
  const hash = hashSecret(code);
  const known = store.db.selectFrom('sign_ups').select('hash').where('hash', '=', hash).where('expires_at', '>', at);
  if ((await known.executeTakeFirst()) === undefined) throw linkInvalid();
  const passwordHash = await hasher.hash(password);
  const insert = store.db.transaction().execute(async (trx) => {
    const wanted = trx.deleteFrom('sign_ups').where('hash', '=', hash).where('expires_at', '>', at);
    const found = await wanted.returningAll().executeTakeFirst();
    if (found === undefined) throw linkInvalid();
    const { email, name, site, role } = found;
    const person = { email, name, enabled: false, created_at: at, password: passwordHash };
    await trx.insertInto('persons').values(person).execute();
    await trx.deleteFrom('sign_ups').where('email', '=', email).execute();
    const after = { email, name, enabled: false, roles: [] };
    const entry = { at, actor: principalOf(email), kind: 'person.signed-up', subject: email, site, after };
    await record(trx, entry, { type: 'person', name: email });
    await insertRequest(trx, at, { person: email, name, site, role }, of.publicUrl());
    return { email, site };
  });
  return orAlreadyExists(
    insert,
    'There is an account with this mail address already. Sign in, or ask for a new password.',
  );
}
