import { randomInt } from 'node:crypto';
import type { ApiToken, DeviceSignIn, TokenScope } from '@planetlab/contract';
import { hashSecret } from '@planetlab/credentials';
import { type ErrorCode, PlanetLabError } from '@planetlab/model';
import type { Selectable } from 'kysely';
import type { Actor } from '../access/rules.ts';
import { record } from '../events/record.ts';
import type { Trx } from '../store/schema.ts';
import type { DeviceSignInTable } from '../store/schema-people.ts';
import type { Store } from '../store/store.ts';
import { DEVICE_CODE_MS, newCode } from './secrets.ts';
import { insertToken, principalOf } from './store.ts';

/** No vowels, so that no word comes of it, and nothing that is taken for another letter (RFC 8628, 6.1). */
const LETTERS = 'BCDFGHJKLMNPQRSTVWXZ';
const USER_CODE_LETTERS = 8;
const INTERVAL_SECONDS = 5;
/** How much longer a program is to wait that asks too often (RFC 8628, 3.5), and at most. */
const SLOWER_SECONDS = 5;
const SLOWEST_SECONDS = 60;
/** That wait at one time, of all programs. */
const MOST_WAITING = 10_000;

export interface NewDeviceSignIn {
  readonly label: string;
  readonly scopes: readonly TokenScope[];
  readonly tokenExpiresAt: Date;
  /** From where it is asked for. */
  readonly address: string;
}

/** Throws `too_many_requests`. */
export async function startDeviceSignIn(store: Store, wanted: NewDeviceSignIn) {
  const at = store.now();
  const { code: deviceCode, hash } = newCode();
  const userCode = Array.from({ length: USER_CODE_LETTERS }, () => LETTERS[randomInt(LETTERS.length)]).join('');
  const expiresAt = new Date(at.getTime() + DEVICE_CODE_MS);
  const { label, scopes, tokenExpiresAt, address } = wanted;
  await store.db.transaction().execute(async (trx) => {
    await requireRoom(trx);
    const ends = { created_at: at, expires_at: expiresAt, token_expires_at: tokenExpiresAt };
    const row = { hash, user_code: userCode, label, scopes: JSON.stringify(scopes), address, ...ends };
    await trx
      .insertInto('device_sign_ins')
      .values({ ...row, person: null, asked_at: null, interval_seconds: INTERVAL_SECONDS })
      .execute();
  });
  const shown = shownCode(userCode);
  return { deviceCode, userCode: shown, expiresAt: expiresAt.toISOString(), intervalSeconds: INTERVAL_SECONDS };
}

async function requireRoom(trx: Trx): Promise<void> {
  const rows = trx.selectFrom('device_sign_ins').select((eb) => eb.fn.countAll<string>().as('count'));
  if (Number((await rows.executeTakeFirstOrThrow()).count) < MOST_WAITING) return;
  throw new PlanetLabError('too_many_requests', 'Too many programs wait to be signed in. Try again in ten minutes.');
}

type Row = Selectable<DeviceSignInTable>;

/** Throws `unknown_request`, for a code that was decided about or has ended too. */
export async function getDeviceSignIn(store: Store, code: string): Promise<DeviceSignIn> {
  const rows = store.db.selectFrom('device_sign_ins').selectAll().where('user_code', '=', typedCode(code));
  const row = await rows.where('state', '=', 'asked').where('expires_at', '>', store.now()).executeTakeFirst();
  if (row === undefined) throw unknownCode();
  return {
    userCode: shownCode(row.user_code),
    label: row.label,
    scopes: [...row.scopes],
    tokenExpiresAt: row.token_expires_at.toISOString(),
    address: row.address,
    askedAt: row.created_at.toISOString(),
    expiresAt: row.expires_at.toISOString(),
  };
}

/** Throws `unknown_request`. */
export async function decideDeviceSignIn(store: Store, actor: Actor, code: string, allow: boolean): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const decided = await trx
      .updateTable('device_sign_ins')
      .set({ state: allow ? 'allowed' : 'refused', person: actor.email })
      .where('user_code', '=', typedCode(code))
      .where('state', '=', 'asked')
      .where('expires_at', '>', at)
      .returning(['label', 'scopes', 'address'])
      .executeTakeFirst();
    if (decided === undefined) throw unknownCode();
    const kind = allow ? 'device-sign-in.allowed' : 'device-sign-in.refused';
    await record(trx, { at, actor: actor.principal, kind, subject: actor.email, after: decided });
  });
}

/** The program's token, once. Throws `authorization_pending`, `slow_down`, `access_denied`, `expired_token`. */
export async function takeDeviceToken(store: Store, code: string): Promise<ApiToken & { readonly token: string }> {
  const at = store.now();
  // What is noted of a refusal stays: it is thrown when that is committed.
  const outcome = await store.db.transaction().execute(async (trx) => {
    const rows = trx.selectFrom('device_sign_ins').selectAll().where('hash', '=', hashSecret(code));
    const row = await rows.where('expires_at', '>', at).forUpdate().executeTakeFirst();
    if (row === undefined) return notYet('expired_token', 'This code was used already, or is too old. Begin anew.');
    if (row.state === 'asked') return stillAsked(trx, at, row);
    await trx.deleteFrom('device_sign_ins').where('hash', '=', row.hash).execute();
    if (row.state === 'refused' || row.person === null)
      return notYet('access_denied', 'Your person has refused this in the browser.');
    const { person, label, scopes, token_expires_at: expiresAt } = row;
    return insertToken(trx, at, principalOf(person), { person, label, scopes, expiresAt });
  });
  if (outcome instanceof PlanetLabError) throw outcome;
  return outcome;
}

async function stillAsked(trx: Trx, at: Date, row: Row): Promise<PlanetLabError> {
  const { hash, asked_at: before, interval_seconds: interval } = row;
  const isEarly = before !== null && at.getTime() < before.getTime() + interval * 1000;
  const seconds = isEarly ? Math.min(SLOWEST_SECONDS, interval + SLOWER_SECONDS) : interval;
  const noted = { asked_at: at, interval_seconds: seconds };
  await trx.updateTable('device_sign_ins').set(noted).where('hash', '=', hash).execute();
  const sentence = `Nobody has decided about this yet. Ask again in ${seconds} s.`;
  return notYet(isEarly ? 'slow_down' : 'authorization_pending', sentence, { retryAfterSeconds: seconds });
}

const notYet = (code: ErrorCode, sentence: string, details = {}): PlanetLabError =>
  new PlanetLabError(code, sentence, { details });

const unknownCode = () =>
  new PlanetLabError(
    'unknown_request',
    'No program waits with this code: it was mistyped, decided about already, or is older than ten minutes.',
  );

const shownCode = (code: string): string => `${code.slice(0, 4)}-${code.slice(4)}`;
const typedCode = (text: string): string => text.toUpperCase().replaceAll(/[^A-Z]/g, '');
