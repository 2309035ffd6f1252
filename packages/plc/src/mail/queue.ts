import { randomUUID } from 'node:crypto';
import type { PersonEmail } from '@planetlab/model';
import type { Trx } from '../store/schema.ts';

/** A mail as plain text, to be sent once the change it tells of is committed. */
export interface Mail {
  /** Each gets a mail of their own, and sees no other recipient. Twice the same address gets one. */
  readonly to: readonly PersonEmail[];
  /** One line. */
  readonly subject: string;
  readonly text: string;
  /** What it is about, as a `thing.verb`, for example `slice.expires`. */
  readonly kind: string;
}

/**
 * Queues a mail in the transaction of the change that it tells of: both happen, or neither. The sender takes it from
 * there; without SMTP it stays in the outbox, where admins read it.
 */
export async function queueMail(trx: Trx, at: Date, mail: Mail): Promise<void> {
  const recipients = [...new Set(mail.to)];
  if (recipients.length === 0) return;
  const rows = recipients.map((recipient) => ({
    id: randomUUID(),
    at,
    kind: mail.kind,
    recipient,
    subject: oneLine(mail.subject),
    text: mail.text,
    next_attempt_at: at,
    last_error: null,
    sent_at: null,
  }));
  await trx.insertInto('mails').values(rows).execute();
}

/** A subject may hold a name that somebody chose: no header begins in it. */
const oneLine = (text: string): string => text.replaceAll(/\s+/g, ' ').trim();
