import type { Person } from '@planetlab/contract';
import { hashSecret } from '@planetlab/credentials';
import { DAY_MS, formatDuration, HOUR_MS, type PersonEmail, PlanetLabError } from '@planetlab/model';
import type { Actor } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { letterTo, unaskedLetter } from '../mail/letter.ts';
import { linkInvalid } from '../passwords/store.ts';
import { newCode } from '../sessions/secrets.ts';
import { endSessionsOf } from '../sessions/sessions.ts';
import { principalOf } from '../sessions/store.ts';
import type { Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { moveAddress } from './move-address.ts';
import { siteOf } from './roles.ts';
import { getPerson } from './store.ts';

export interface AddressChanges {
  readonly store: Store;
  readonly publicUrl: () => string;
}

const CONFIRM_MS = DAY_MS;
const OBJECT_MS = 7 * DAY_MS;
const MOST_PER_HOUR = 5;

/**
 * Mails a link to the new address and tells the one before. The answer is the same for an address that somebody else has:
 * its owner alone is told. Throws `malformed_request`, `too_many_requests`.
 */
export async function askForAddress(of: AddressChanges, actor: Actor, to: PersonEmail): Promise<void> {
  const { store, publicUrl } = of;
  const at = store.now();
  const from = actor.email;
  if (to === from) throw new PlanetLabError('malformed_request', `${to} is your mail address already.`);
  const confirmation = newCode();
  const objection = newCode();
  await store.db.transaction().execute(async (trx) => {
    const person = await getPerson(trx, from);
    await requireFewer(trx, at, from);
    const open = trx.updateTable('address_changes').set({ state: 'withdrawn' }).where('person', '=', from);
    await open.where('state', '=', 'asked').execute();
    const row = { hash: confirmation.hash, objection_hash: objection.hash, person: from, created_at: at };
    const ends = { expires_at: new Date(at.getTime() + OBJECT_MS) };
    await trx
      .insertInto('address_changes')
      .values({ ...row, ...ends, address_before: from, address_after: to })
      .execute();
    const entry = { at, actor: actor.principal, kind: 'person.address-asked', subject: from, ...siteOf(person) };
    await record(trx, { ...entry, after: { email: to } });
    await writeToNew(trx, at, to, `${publicUrl()}/new-address#${confirmation.code}`);
    await letterTo(trx, at, from, 'address.asked', 'Your mail address is to change', [
      `Somebody, probably you, wants ${to} to be the mail address of the account ${from}. Nothing changes before the link that was mailed there is opened.`,
      `If it was not you, open this link within ${formatDuration(OBJECT_MS)}: the change does not happen or is undone, and all sessions, API tokens and the password end.`,
      `${publicUrl()}/keep-address#${objection.code}`,
    ]);
  });
}

async function writeToNew(trx: Trx, at: Date, to: PersonEmail, link: string): Promise<void> {
  const taken = await trx.selectFrom('persons').select('email').where('email', '=', to).executeTakeFirst();
  const subject = 'Your new mail address at PlanetLab';
  if (taken !== undefined) {
    return unaskedLetter(trx, at, to, 'address.confirm', subject, [
      `Somebody wants ${to} to be the mail address of their account, but there is an account with this address already.`,
      'If it was you, use that one, or end it first. If it was not you, there is nothing to do.',
    ]);
  }
  return unaskedLetter(trx, at, to, 'address.confirm', subject, [
    `Somebody, probably you, wants ${to} to be the mail address of their account.`,
    `To agree, open this link within ${formatDuration(CONFIRM_MS)} where you are signed in, or sign in with the address that you had. It works once.`,
    link,
    'If it was not you, there is nothing to do: without you the link is of no use.',
  ]);
}

async function requireFewer(trx: Trx, at: Date, person: PersonEmail): Promise<void> {
  const rows = await trx
    .selectFrom('address_changes')
    .select('hash')
    .where('person', '=', person)
    .where('created_at', '>', new Date(at.getTime() - HOUR_MS))
    .execute();
  if (rows.length < MOST_PER_HOUR) return;
  const sentence = `You asked for ${MOST_PER_HOUR} changes of your mail address within an hour. Try again later.`;
  throw new PlanetLabError('too_many_requests', sentence, { details: { retryAfterSeconds: HOUR_MS / 1000 } });
}

/** By the person themselves, with the code that only the owner of the new address has. Throws `mail_link_invalid`, `already_exists`. */
export async function confirmAddress({ store }: AddressChanges, actor: Actor, code: string): Promise<Person> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const taken = await trx
      .updateTable('address_changes')
      .set({ state: 'done' })
      .where('hash', '=', hashSecret(code))
      .where('person', '=', actor.email)
      .where('state', '=', 'asked')
      .where('created_at', '>', new Date(at.getTime() - CONFIRM_MS))
      .returning(['address_before', 'address_after'])
      .executeTakeFirst();
    if (taken === undefined) throw linkInvalid();
    const { address_before: from, address_after: to } = taken;
    const person = await change(trx, at, from, to, 'person.address-changed');
    await letterTo(trx, at, from, 'address.changed', 'Your mail address was changed', [
      `The account ${from} is ${to} now. If it was not you, the link of the mail before this one still undoes it.`,
    ]);
    return person;
  });
}

/** By who reads the mail of the address before: nothing changes, or it is undone and every way in ends. Throws `mail_link_invalid`, `already_exists`. */
export async function objectToAddress({ store }: AddressChanges, code: string): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const found = await trx
      .selectFrom('address_changes')
      .select(['hash', 'person', 'address_before', 'created_at'])
      .where('objection_hash', '=', hashSecret(code))
      .where('expires_at', '>', at)
      .forUpdate()
      .executeTakeFirst();
    if (found === undefined) throw linkInvalid();
    const { address_before: address, created_at: askedAt } = found;
    await trx.deleteFrom('address_changes').where('hash', '=', found.hash).execute();
    if (found.person !== address) await change(trx, at, found.person, address, 'person.address-restored');
    await endWaysIn(trx, address, askedAt);
    const entry = { at, actor: principalOf(address), kind: 'person.address-kept', subject: address };
    await record(trx, entry, { type: 'person', name: address });
    await letterTo(trx, at, address, 'address.kept', 'Your mail address stays as it is', [
      `The account ${address} keeps its mail address. Sessions, API tokens, the password, and passkeys, SSH keys and institutions' accounts that were added since the change was asked for have ended: somebody else had a way in.`,
      'Choose a new password by "Forgot your password?" on the sign-in page, then look at the passkeys and SSH keys that are left.',
    ]);
  });
}

/** Whoever asked for the change had one of them, and could add others afterwards. */
async function endWaysIn(trx: Trx, person: PersonEmail, askedAt: Date): Promise<void> {
  await endSessionsOf(trx, person);
  for (const table of ['passkeys', 'identities'] as const)
    await trx.deleteFrom(table).where('person', '=', person).where('created_at', '>=', askedAt).execute();
  await trx.deleteFrom('keys').where('person', '=', person).where('added_at', '>=', askedAt).execute();
  await trx.deleteFrom('tokens').where('person', '=', person).execute();
  await trx.updateTable('persons').set({ password: null }).where('email', '=', person).execute();
  const others = trx.updateTable('address_changes').set({ state: 'withdrawn' }).where('person', '=', person);
  await others.where('state', '=', 'asked').execute();
}

async function change(trx: Trx, at: Date, from: PersonEmail, to: PersonEmail, kind: string): Promise<Person> {
  await moveAddress(trx, from, to);
  const person = await getPerson(trx, to);
  const entry = { at, actor: principalOf(to), kind, subject: to, ...siteOf(person) };
  const told = [from, to].map((name) => ({ type: 'person', name }) as const);
  await record(trx, { ...entry, before: { email: from }, after: { email: to } }, ...told);
  return person;
}
