import { z } from 'zod';
import type { RouteTable } from '../route.ts';
import { Announcement, MadeAnnouncement, NewAnnouncement, StatusReport } from './mission-control.ts';
import { empty, json, list, paged } from './route-parts.ts';

const byAnnouncement = z.object({
  announcement: z.coerce
    .number()
    .int()
    .min(1)
    .max(2 ** 31),
});

/** Mission control (P9): stopping at once, telling people, and what anybody may know. */
export const missionControlRoutes = {
  getStatus: {
    method: 'GET',
    path: '/v1/status',
    summary: 'What anybody may know: nodes by state, sites, public announcements',
    access: 'public',
    reply: json(StatusReport),
    status: 200,
    errors: [],
  },
  announce: {
    method: 'POST',
    path: '/v1/announcements',
    summary: 'Tell people something, in console, command line and by mail',
    access: 'person',
    body: NewAnnouncement,
    reply: json(MadeAnnouncement),
    status: 201,
    location: '/v1/announcements/:id',
    errors: ['unknown_site', 'unknown_slice', 'unknown_node'],
  },
  listAnnouncements: {
    method: 'GET',
    path: '/v1/announcements',
    summary: 'Announcements that concern the reader, newest first; those that are over only on request',
    access: 'person',
    query: z.object({ ...paged, over: z.enum(['true', 'false']).default('false') }),
    reply: list(Announcement),
    status: 200,
    errors: [],
  },
  getAnnouncement: {
    method: 'GET',
    path: '/v1/announcements/:announcement',
    summary: 'One announcement',
    access: 'person',
    params: byAnnouncement,
    reply: json(Announcement),
    status: 200,
    errors: ['unknown_announcement'],
  },
  endAnnouncement: {
    method: 'DELETE',
    path: '/v1/announcements/:announcement',
    summary: 'Say that what was announced is over',
    access: 'person',
    params: byAnnouncement,
    reply: empty,
    status: 204,
    errors: ['unknown_announcement'],
  },
} as const satisfies RouteTable;
