import type { Announcement, NewAnnouncement } from '@planetlab/contract';
import { PlanetLabError, type Principal } from '@planetlab/model';
import type { Selectable } from 'kysely';
import { type Actor, isAdmin } from '../access/rules.ts';
import { record } from '../events/record.ts';
import { queueMail } from '../mail/queue.ts';
import { getNode } from '../nodes/store.ts';
import { getSite } from '../sites/store.ts';
import { findSlice } from '../slices/store.ts';
import { type Paging, parseNumberCursor } from '../store/page.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { AnnouncementTable } from '../store/schema-mission-control.ts';
import type { Store } from '../store/store.ts';
import { concerning, recipientsOf } from './audience.ts';

export const toAnnouncement = (row: Selectable<AnnouncementTable>): Announcement => ({
  id: row.id,
  level: row.level,
  title: row.title,
  text: row.text,
  site: row.site,
  slice: row.slice,
  node: row.node,
  public: row.public,
  at: row.at.toISOString(),
  by: row.actor,
  endsAt: row.ends_at?.toISOString() ?? null,
});

/** Throws `unknown_site`, `unknown_slice`, `unknown_node`. */
export async function announceToPeople(
  store: Store,
  actor: Principal,
  { mail, ...given }: NewAnnouncement,
): Promise<Announcement & { readonly mailed: number }> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    await requireThere(trx, given, at);
    const { endsAt, ...rest } = given;
    const row = await trx
      .insertInto('announcements')
      .values({ ...rest, at, actor, ends_at: endsAt === null ? null : new Date(endsAt) })
      .returningAll()
      .executeTakeFirstOrThrow();
    const announcement = toAnnouncement(row);
    const to = mail ? await recipientsOf(trx, given) : [];
    const text = [given.text, ending(announcement)].filter((part) => part !== '').join('\n\n');
    await queueMail(trx, at, { to, subject: given.title, text, kind: 'announcement.made' });
    const after = { ...announcement, mailed: to.length };
    await recordAnnouncement(trx, at, actor, announcement, 'announcement.made', { after });
    return after;
  });
}

const ending = ({ endsAt }: Announcement): string => (endsAt === null ? '' : `Expected to be over at ${endsAt}.`);

async function requireThere(trx: Trx, { site, slice, node }: Omit<NewAnnouncement, 'mail'>, at: Date): Promise<void> {
  if (site !== null) await getSite(trx, site);
  if (slice !== null) await findSlice(trx, slice, at);
  if (node !== null) await getNode(trx, node, at);
}

/** Over from now on; it stays on record. Throws `unknown_announcement`. */
export async function endAnnouncement(store: Store, actor: Principal, id: number): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const row = await trx
      .updateTable('announcements')
      .set({ ends_at: at })
      .where('id', '=', id)
      .where((eb) => eb.or([eb('ends_at', 'is', null), eb('ends_at', '>', at)]))
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) throw unknownAnnouncement(id);
    const announcement = toAnnouncement(row);
    await recordAnnouncement(trx, at, actor, announcement, 'announcement.ended', { before: announcement });
  });
}

const recordAnnouncement = (
  trx: Trx,
  at: Date,
  actor: Principal,
  { id, site, slice }: Announcement,
  kind: string,
  what: { readonly before?: unknown; readonly after?: unknown },
): Promise<void> => {
  const whose = { ...(site === null ? {} : { site }), ...(slice === null ? {} : { slice }) };
  return record(
    trx,
    { at, actor, kind, subject: `announcement ${id}`, ...whose, ...what },
    { type: 'announcement', name: String(id) },
  );
};

const unknownAnnouncement = (id: number): PlanetLabError =>
  new PlanetLabError(
    'unknown_announcement',
    `There is no announcement ${id} here that concerns you. List them with: pl announcement list`,
  );

export interface AnnouncementFilter extends Paging {
  /** Also those that are over. */
  readonly over: boolean;
}

/** Newest first. All for admins, else those that concern the actor. */
export async function listAnnouncements(db: Db, actor: Actor, filter: AnnouncementFilter, now: Date) {
  let query = db.selectFrom('announcements').selectAll();
  if (filter.after !== undefined) query = query.where('id', '<', parseNumberCursor(filter.after));
  if (!filter.over) query = query.where((eb) => eb.or([eb('ends_at', 'is', null), eb('ends_at', '>', now)]));
  if (!isAdmin(actor)) query = query.where((eb) => concerning(eb, actor));
  return (await query.orderBy('id', 'desc').limit(filter.limit).execute()).map(toAnnouncement);
}

/** Throws `unknown_announcement`, for those that do not concern the actor too. */
export async function getAnnouncement(db: Db, actor: Actor, id: number): Promise<Announcement> {
  let query = db.selectFrom('announcements').selectAll().where('id', '=', id);
  if (!isAdmin(actor)) query = query.where((eb) => concerning(eb, actor));
  const row = await query.executeTakeFirst();
  if (row === undefined) throw unknownAnnouncement(id);
  return toAnnouncement(row);
}
