import type { NewPasskeyCredential, Passkey, PasskeyAnswer } from '@planetlab/contract';
import { hashSecret } from '@planetlab/credentials';
import { MINUTE_MS, type PersonEmail, PlanetLabError } from '@planetlab/model';
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { Selectable } from 'kysely';
import type { Actor } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { letterTo } from '../mail/letter.ts';
import { newCode } from '../sessions/secrets.ts';
import { type OpenedSession, openSession } from '../sessions/sessions.ts';
import { orAlreadyExists } from '../store/database.ts';
import type { Db } from '../store/schema.ts';
import type { PasskeyTable } from '../store/schema-people.ts';
import type { Store } from '../store/store.ts';
import type { RelyingParty } from './relying-party.ts';

const CHALLENGE_MS = 5 * MINUTE_MS;
const MOST_PER_PERSON = 20;
/** COSE: Ed25519, ECDSA with P-256, RSA with PKCS #1. */
const ALGORITHMS = [-8, -7, -257];

const toPasskey = (row: Selectable<PasskeyTable>): Passkey => ({
  id: row.id,
  label: row.label,
  createdAt: row.created_at.toISOString(),
  lastUsedAt: row.last_used_at?.toISOString() ?? null,
});

export async function listPasskeys(db: Db, person: PersonEmail): Promise<Passkey[]> {
  const rows = await db.selectFrom('passkeys').selectAll().where('person', '=', person).orderBy('created_at').execute();
  return rows.map(toPasskey);
}

async function newChallenge(store: Store, person: PersonEmail | null): Promise<string> {
  const { code, hash } = newCode();
  const expires = new Date(store.now().getTime() + CHALLENGE_MS);
  await store.db.insertInto('passkey_challenges').values({ hash, person, expires_at: expires }).execute();
  return code;
}

/** A challenge is good for one answer, and for whom it was made. */
const takeChallenge = (store: Store, person: PersonEmail | null) => async (challenge: string) => {
  const gone = await store.db
    .deleteFrom('passkey_challenges')
    .where('hash', '=', hashSecret(Buffer.from(challenge, 'base64url').toString('latin1')))
    .where('person', 'is not distinct from', person)
    .where('expires_at', '>', store.now())
    .returning('hash')
    .executeTakeFirst();
  return gone !== undefined;
};

/** What the browser needs to make a passkey. Throws `quota_exceeded`. */
export async function startRegistration(store: Store, party: RelyingParty, actor: Actor) {
  const person = await store.db
    .selectFrom('persons')
    .select(['name', 'handle'])
    .where('email', '=', actor.email)
    .executeTakeFirstOrThrow();
  const own = await listPasskeys(store.db, actor.email);
  if (own.length >= MOST_PER_PERSON) {
    throw new PlanetLabError(
      'quota_exceeded',
      `You have ${own.length} passkeys, the most there can be. Remove one first.`,
    );
  }
  return generateRegistrationOptions({
    rpName: party.name,
    rpID: party.id,
    userName: actor.email,
    userDisplayName: person.name,
    userID: new Uint8Array(Buffer.from(person.handle.replaceAll('-', ''), 'hex')),
    challenge: await newChallenge(store, actor.email),
    attestationType: 'none',
    excludeCredentials: own.map(({ id }) => ({ id })),
    // It is the only factor: it must know the person, by a finger or a PIN, and be found without a name.
    authenticatorSelection: { residentKey: 'required', userVerification: 'required' },
    supportedAlgorithmIDs: ALGORITHMS,
  });
}

/** Throws `passkey_invalid`, `already_exists`. */
export async function addPasskey(
  store: Store,
  party: RelyingParty,
  actor: Actor,
  input: { readonly label: string; readonly credential: NewPasskeyCredential },
): Promise<Passkey> {
  const made = await checkNew(store, party, actor, input.credential);
  const at = store.now();
  const row = {
    id: made.id,
    person: actor.email,
    label: input.label,
    public_key: Buffer.from(made.publicKey),
    counter: made.counter,
    transports: JSON.stringify(made.transports ?? []),
    created_at: at,
    last_used_at: null,
  };
  const insert = store.db.transaction().execute(async (trx) => {
    await trx.insertInto('passkeys').values(row).execute();
    const after = { id: row.id, label: row.label };
    await record(trx, { at, actor: actor.principal, kind: 'passkey.added', subject: actor.email, after });
    await letterTo(trx, at, actor.email, 'passkey.added', 'A passkey was added to your account', [
      `The passkey "${row.label}" can sign in as ${actor.email} now.`,
      'If it was not you, remove it on your account page and choose a new password.',
    ]);
    return { id: row.id, label: row.label, createdAt: at.toISOString(), lastUsedAt: null };
  });
  return orAlreadyExists(insert, 'This passkey is registered already.');
}

async function checkNew(store: Store, party: RelyingParty, actor: Actor, credential: NewPasskeyCredential) {
  const { transports, ...response } = credential.response;
  const answer = { ...response, ...(transports === undefined ? {} : { transports }) };
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response: { ...credential, response: answer, clientExtensionResults: {} },
      expectedChallenge: takeChallenge(store, actor.email),
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      supportedAlgorithmIDs: ALGORITHMS,
    });
    if (verified) return registrationInfo.credential;
  } catch (cause) {
    throw new PlanetLabError('passkey_invalid', REFUSED, { cause });
  }
  throw new PlanetLabError('passkey_invalid', REFUSED);
}

const REFUSED =
  'The passkey could not be checked: it was made for another site, took too long, or did not ask for a finger or PIN. Try again.';

/** Throws `unknown_key`, for passkeys of others too. */
export async function deletePasskey(store: Store, actor: Actor, id: string): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const gone = await trx
      .deleteFrom('passkeys')
      .where('id', '=', id)
      .where('person', '=', actor.email)
      .returning(['id', 'label'])
      .executeTakeFirst();
    if (gone === undefined)
      throw new PlanetLabError('unknown_key', 'You have no such passkey. Your account page lists them.');
    await record(trx, { at, actor: actor.principal, kind: 'passkey.removed', subject: actor.email, before: gone });
  });
}

/** What the browser needs to sign in; it knows which passkeys it has for us. */
export const startSignIn = async (store: Store, party: RelyingParty) =>
  generateAuthenticationOptions({
    rpID: party.id,
    challenge: await newChallenge(store, null),
    userVerification: 'required',
  });

/** The same whatever is wrong: an unknown passkey, a wrong signature, somebody who is not enabled. */
const signInFailed = (cause?: unknown) =>
  new PlanetLabError('sign_in_failed', 'This passkey does not sign in here. Use another one, or your password.', {
    cause,
  });

/** Throws `sign_in_failed`. */
export async function signInByPasskey(
  store: Store,
  party: RelyingParty,
  credential: PasskeyAnswer,
  browser: string,
): Promise<OpenedSession> {
  const row = await store.db
    .selectFrom('passkeys')
    .innerJoin('persons', 'persons.email', 'passkeys.person')
    .selectAll('passkeys')
    .where('passkeys.id', '=', credential.id)
    .where('persons.enabled', '=', true)
    .executeTakeFirst();
  if (row === undefined) throw signInFailed();
  const counter = await checkAnswer(store, party, row, credential);
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const used = trx.updateTable('passkeys').set({ counter, last_used_at: at }).where('id', '=', row.id);
    // One that is used twice at once with the same counter may be a copy.
    const { numUpdatedRows } = await used.where('counter', '=', row.counter).executeTakeFirst();
    if (numUpdatedRows === 0n) throw signInFailed();
    return openSession(trx, at, row.person, { method: 'passkey', browser });
  });
}

async function checkAnswer(
  store: Store,
  party: RelyingParty,
  row: Selectable<PasskeyTable>,
  credential: PasskeyAnswer,
): Promise<number> {
  const { userHandle, ...response } = credential.response;
  const answer = { ...response, ...(userHandle === undefined ? {} : { userHandle }) };
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response: { ...credential, response: answer, clientExtensionResults: {} },
      expectedChallenge: takeChallenge(store, null),
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: true,
      credential: { id: row.id, publicKey: new Uint8Array(row.public_key), counter: row.counter },
    });
    if (verified) return authenticationInfo.newCounter;
  } catch (cause) {
    throw signInFailed(cause);
  }
  throw signInFailed();
}
