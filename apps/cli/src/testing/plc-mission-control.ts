import { Announcement, plcRoutes } from '@planetlab/contract';
import { type App, serve } from '@planetlab/contract/server';
import { PlanetLabError, toInstant } from '@planetlab/model';

/** Announcements and status of the PLC in memory. */
export function serveMissionControl(app: App): void {
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
