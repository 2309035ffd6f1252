import { DAY_MS, HOUR_MS, MINUTE_MS, messageOf, SECOND_MS } from '@planetlab/model';
import { type Selectable, sql } from 'kysely';
import type { Logger } from 'pino';
import type { MailTable } from '../store/schema-people.ts';
import type { Store } from '../store/store.ts';
import type { MailTransport } from './smtp.ts';

const PAUSE_MS = 2 * SECOND_MS;
/** Who takes a mail has this long for it: then another process may think it was killed, and take the mail again. */
const CLAIM_MS = 5 * MINUTE_MS;
const FIRST_RETRY_MS = MINUTE_MS;
const LONGEST_RETRY_MS = 4 * HOUR_MS;
const GIVE_UP_MS = 2 * DAY_MS;
const LONGEST_ERROR_CHARACTERS = 300;

/** Until when a mail waits after this many attempts: a minute, then ever longer; undefined when it is given up. */
export function nextAttempt(at: Date, queuedAt: Date, attempts: number): Date | undefined {
  const wait = Math.min(FIRST_RETRY_MS * 2 ** Math.max(0, attempts - 1), LONGEST_RETRY_MS);
  const next = at.getTime() + wait;
  return next > queuedAt.getTime() + GIVE_UP_MS ? undefined : new Date(next);
}

/** Whether the server refused this mail for good: its recipient or its content, not us or our password. */
export function isRefusal(error: unknown): boolean {
  if (!(error instanceof Error) || !('responseCode' in error) || !('code' in error)) return false;
  return Number(error.responseCode) >= 500 && (error.code === 'EENVELOPE' || error.code === 'EMESSAGE');
}

type Claimed = Selectable<MailTable>;

/**
 * Takes the mail that has waited longest, so that no other process takes it too: rows that another one is about to take
 * are skipped. Undefined when there is nothing to send.
 */
async function claimMail(store: Store): Promise<Claimed | undefined> {
  const at = store.now();
  return store.db
    .updateTable('mails')
    .set({ next_attempt_at: new Date(at.getTime() + CLAIM_MS), attempts: sql`attempts + 1` })
    .where('id', '=', (eb) =>
      eb
        .selectFrom('mails')
        .select('id')
        .where('state', '=', 'queued')
        .where('next_attempt_at', '<=', at)
        .orderBy('next_attempt_at')
        .limit(1)
        .forUpdate()
        .skipLocked(),
    )
    .returningAll()
    .executeTakeFirst();
}

/** Sends one mail and notes how it went. False when none was due. */
export async function sendNextMail(store: Store, transport: MailTransport, log: Logger): Promise<boolean> {
  const mail = await claimMail(store);
  if (mail === undefined) return false;
  const { id, kind, attempts } = mail;
  try {
    await transport.send({ id, at: mail.at, to: mail.recipient, subject: mail.subject, text: mail.text ?? '' });
  } catch (error) {
    const reason = messageOf(error).slice(0, LONGEST_ERROR_CHARACTERS);
    log.warn({ mail: id, kind, attempts, reason }, 'a mail could not be sent');
    const next = isRefusal(error) ? undefined : nextAttempt(store.now(), mail.at, attempts);
    const outcome = next === undefined ? { state: 'failed' as const, text: null } : { next_attempt_at: next };
    await store.db
      .updateTable('mails')
      .set({ ...outcome, last_error: reason })
      .where('id', '=', id)
      .execute();
    return true;
  }
  const sent = { state: 'sent', text: null, last_error: null, sent_at: store.now() } as const;
  await store.db.updateTable('mails').set(sent).where('id', '=', id).execute();
  return true;
}

/** Sends what is queued, one after the other, until disposed; then it waits for the one that is on its way. */
export function startMailSender(store: Store, transport: MailTransport, log: Logger): AsyncDisposable {
  const stopping = new AbortController();
  let wake = () => {};
  const pause = () =>
    new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PAUSE_MS);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const work = async () => {
    while (!stopping.signal.aborted) {
      const again = await sendNextMail(store, transport, log).catch((error) => {
        log.warn({ error: messageOf(error) }, 'the outbox could not be read; it is tried again');
        return false;
      });
      if (!again && !stopping.signal.aborted) await pause();
    }
  };
  const done = work();
  return {
    async [Symbol.asyncDispose]() {
      stopping.abort();
      wake();
      await done;
      transport[Symbol.dispose]();
    },
  };
}
