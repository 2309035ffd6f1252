import { plcRoutes, type StatusReport } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import { PlanetLabError } from '@planetlab/model';
import { type Actor, isAdmin, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { pageOf } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import { announceToPeople, endAnnouncement, getAnnouncement, listAnnouncements } from './announcements.ts';
import { lift, listKillSwitches, stop, type Target, toTarget } from './kill-switches.ts';
import { applyDecision, previewDecision } from './mass-decisions.ts';
import { createStatus } from './status.ts';
import { renderStatusPage } from './status-page.ts';

export function serveMissionControl(app: App, serve: ServePerson, store: Store, authority: string): void {
  serveKillSwitches(app, serve, store);
  serveMassDecisions(app, serve, store);
  serveAnnouncements(app, serve, store);
  serveStatus(app, createStatus(store, authority));
}

function serveKillSwitches(app: App, serve: ServePerson, store: Store): void {
  serve(app, plcRoutes.listKillSwitches, async (actor, { query }) => {
    requireAdmin(actor);
    const switches = await listKillSwitches(store.db, { ...query, limit: query.limit + 1 });
    return pageOf(switches, query.limit, ({ kind, name }) => `${kind} ${name}`);
  });
  serve(app, plcRoutes.stop, async (actor, { params, body }) => {
    requireAdmin(actor);
    const target = toTarget(params.kind, params.name);
    requireOther(actor, target);
    return stop(store, actor.principal, target, body.reason);
  });
  serve(app, plcRoutes.liftStop, async (actor, { params }) => {
    requireAdmin(actor);
    await lift(store, actor.principal, toTarget(params.kind, params.name));
  });
}

const requireAdmin = (actor: Actor): void =>
  requireAllowed(
    isAdmin(actor),
    'Only admins of the authority use the kill switch. A slice is suspended by its people and PIs.',
  );

/** Who has stopped themselves could not let themselves go on. */
function requireOther(actor: Actor, { kind, name }: Target): void {
  if (kind !== 'person' || name !== actor.email) return;
  throw new PlanetLabError(
    'conflict',
    'You cannot stop yourself: nobody may be left who could lift it. Ask another admin.',
  );
}

function serveMassDecisions(app: App, serve: ServePerson, store: Store): void {
  const sentence = 'Only admins of the authority decide over many nodes, slices or people at once.';
  serve(app, plcRoutes.previewDecision, async (actor, { body }) => {
    requireAllowed(isAdmin(actor), sentence);
    return previewDecision(store, actor, body);
  });
  serve(app, plcRoutes.applyDecision, async (actor, { body: { digest, ...decision } }) => {
    requireAllowed(isAdmin(actor), sentence);
    return { operation: await applyDecision(store, actor, decision, digest) };
  });
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
