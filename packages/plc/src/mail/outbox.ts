import type { OutboxMail } from '@planetlab/contract';
import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { DAY_MS, PlanetLabError } from '@planetlab/model';
import { isAdmin, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { pageOf } from '../store/page.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

export function serveOutbox(app: App, serve: ServePerson, store: Store): void {
  serve(app, plcRoutes.listMails, async (actor, { query }) => {
    requireAllowed(isAdmin(actor), 'Only admins may read the outbox.');
    const mails = await listMails(store.db, query.limit + 1, query.after);
    return pageOf(mails, query.limit, ({ at, id }) => `${at}_${id}`);
  });
}

/** Newest first. */
async function listMails(db: Db, limit: number, after?: string): Promise<OutboxMail[]> {
  let query = db.selectFrom('mails').selectAll();
  if (after !== undefined) {
    const { at, id } = parseCursor(after);
    query = query.where((eb) => eb.or([eb('at', '<', at), eb.and([eb('at', '=', at), eb('id', '<', id)])]));
  }
  const rows = await query.orderBy('at', 'desc').orderBy('id', 'desc').limit(limit).execute();
  return rows.map((row) => ({
    id: row.id,
    at: row.at.toISOString(),
    kind: row.kind,
    to: row.recipient,
    subject: row.subject,
    text: row.text,
    state: row.state,
    attempts: row.attempts,
    lastError: row.last_error,
    sentAt: row.sent_at?.toISOString() ?? null,
  }));
}

const CURSOR = /^(\d{4}-\d\d-\d\dT[\d:.]+Z)_([0-9a-f-]{36})$/;

function parseCursor(text: string): { readonly at: Date; readonly id: string } {
  const [, at = '', id = ''] = CURSOR.exec(text) ?? [];
  const date = new Date(at);
  if (/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id) && !Number.isNaN(date.getTime())) return { at: date, id };
  throw new PlanetLabError('malformed_request', 'The cursor is not one of ours: take it from the page before.');
}

const KEPT_MS = 30 * DAY_MS;
/** Longer than any link in a mail works. */
const TEXT_KEPT_MS = 14 * DAY_MS;

/** Mails are kept for a month so that admins can tell what was sent; texts that nobody sent, only while they are of use. */
export async function tidyOutbox(trx: Trx, at: Date): Promise<void> {
  await trx
    .deleteFrom('mails')
    .where('at', '<', new Date(at.getTime() - KEPT_MS))
    .execute();
  await trx
    .updateTable('mails')
    .set({ state: 'failed', text: null, last_error: 'nobody sent it while it was of use' })
    .where('state', '=', 'queued')
    .where('at', '<', new Date(at.getTime() - TEXT_KEPT_MS))
    .execute();
}
