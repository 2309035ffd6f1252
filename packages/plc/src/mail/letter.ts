import { HOUR_MS, type PersonEmail } from '@planetlab/model';
import type { Trx } from '../store/schema.ts';
import { queueMail } from './queue.ts';

/** A mail to one person: paragraphs under each other. */
export const letterTo = (
  trx: Trx,
  at: Date,
  to: PersonEmail,
  kind: string,
  subject: string,
  paragraphs: readonly string[],
): Promise<void> => queueMail(trx, at, { to: [to], kind, subject, text: `${paragraphs.join('\n\n')}\n` });

const MOST_PER_HOUR = 5;

/**
 * Of what anybody can have sent to any address: at most five an hour of a kind to one. Who asks more often gets the same
 * answer and no mail; nobody's mailbox is filled through us.
 */
export async function unaskedLetter(...[trx, at, to, kind, ...rest]: Parameters<typeof letterTo>): Promise<void> {
  const { count } = await trx
    .selectFrom('mails')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('recipient', '=', to)
    .where('kind', '=', kind)
    .where('at', '>', new Date(at.getTime() - HOUR_MS))
    .executeTakeFirstOrThrow();
  if (Number(count) < MOST_PER_HOUR) await letterTo(trx, at, to, kind, ...rest);
}
