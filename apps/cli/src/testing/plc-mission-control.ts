import { Announcement, KillSwitch, Operation, plcRoutes } from '@planetlab/contract';
import { type App, serve } from '@planetlab/contract/server';
import { PlanetLabError, toInstant } from '@planetlab/model';

/** Kill switches, decisions, announcements and status of the PLC in memory. */
export function serveMissionControl(app: App): void {
  serveStops(app);
  serveDecisions(app);
  const announcements = new Map<number, Announcement>();
  serve(app, plcRoutes.announce, async ({ body: { mail, ...rest } }) => {
    const id = announcements.size + 1;
    const made = Announcement.parse({ ...rest, id, at: toInstant(Date.now()), by: 'person:ada@example.org' });
    announcements.set(id, made);
    return { ...made, mailed: mail ? 3 : 0 };
  });
  serve(app, plcRoutes.listAnnouncements, async () => ({ items: [...announcements.values()], next: null }));
  serve(app, plcRoutes.endAnnouncement, async ({ params }) => {
    if (!announcements.delete(params.announcement))
      throw new PlanetLabError('unknown_announcement', `There is no announcement ${params.announcement}.`);
  });
  serve(app, plcRoutes.getStatus, async () => ({
    authority: 'planetlab',
    at: toInstant(Date.now()),
    nodes: { registered: 1, connected: 2, disconnected: 0 },
    slices: 4,
    running: 7,
    sites: [],
    announcements: [...announcements.values()],
  }));
}

const ADA = 'person:ada@example.org';

function serveStops(app: App): void {
  const switches = new Map<string, KillSwitch>();
  serve(app, plcRoutes.listKillSwitches, async () => ({ items: [...switches.values()], next: null }));
  serve(app, plcRoutes.stop, async ({ params, body }) => {
    const pulled = KillSwitch.parse({ ...params, ...body, at: toInstant(Date.now()), by: ADA });
    switches.set(pulled.name, pulled);
    return pulled;
  });
  serve(app, plcRoutes.liftStop, async ({ params }) => {
    if (!switches.delete(params.name)) throw new PlanetLabError('not_stopped', `${params.name} is not stopped.`);
  });
}

const DIGEST = 'a-digest';

function serveDecisions(app: App): void {
  serve(app, plcRoutes.previewDecision, async ({ body }) => ({
    action: body.action,
    digest: DIGEST,
    items: [{ subject: JSON.stringify(body.nodes?.where ?? body.slices ?? body.persons), effect: 'is tried' }],
  }));
  serve(app, plcRoutes.applyDecision, async ({ body }) => {
    if (body.digest !== DIGEST) throw new PlanetLabError('conflict', 'This is not what the preview showed.');
    return { operation: operationOf(body.action) };
  });
}

const operationOf = (kind: string): Operation =>
  Operation.parse({
    id: '5f0c6b1e-0000-4000-8000-000000000001',
    kind,
    subject: '1 nodes',
    actor: ADA,
    state: 'succeeded',
    createdAt: toInstant(Date.now()),
    deadlineAt: toInstant(Date.now()),
    endedAt: toInstant(Date.now()),
    counts: { waiting: 0, done: 1, failed: 0, timed_out: 0, canceled: 0 },
    version: 1,
  });
