import { plcRoutes, type StatusReport } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import { isAdmin, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { pageOf } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import { announceToPeople, endAnnouncement, getAnnouncement, listAnnouncements } from './announcements.ts';
import { createStatus } from './status.ts';
import { renderStatusPage } from './status-page.ts';

export function serveMissionControl(app: App, serve: ServePerson, store: Store, authority: string): void {
  serveAnnouncements(app, serve, store);
  serveStatus(app, createStatus(store, authority));
}

function serveAnnouncements(app: App, serve: ServePerson, store: Store): void {
  serve(app, plcRoutes.announce, async (actor, { body }) => {
    requireAllowed(isAdmin(actor), 'Only admins of the authority make announcements.');
    return announceToPeople(store, actor.principal, body);
  });
  serve(app, plcRoutes.listAnnouncements, async (actor, { query }) => {
    const filter = { limit: query.limit + 1, after: query.after, over: query.over === 'true' };
    const announcements = await listAnnouncements(store.db, actor, filter, store.now());
    return pageOf(announcements, query.limit, ({ id }) => String(id));
  });
  serve(app, plcRoutes.getAnnouncement, (actor, { params }) => getAnnouncement(store.db, actor, params.announcement));
  serve(app, plcRoutes.endAnnouncement, async (actor, { params }) => {
    requireAllowed(isAdmin(actor), 'Only admins of the authority end announcements.');
    await endAnnouncement(store, actor.principal, params.announcement);
  });
}

/** Nothing on this page runs, and nothing comes from elsewhere. */
const PAGE_POLICY =
  "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function serveStatus(app: App, status: () => Promise<StatusReport>): void {
  servePublic(app, plcRoutes.getStatus, () => status());
  app.get('/status', async (_request, reply) => {
    const page = renderStatusPage(await status());
    reply.raw.setHeader('content-security-policy', PAGE_POLICY);
    return reply.type('text/html; charset=utf-8').header('cache-control', 'max-age=5').send(page);
  });
}
