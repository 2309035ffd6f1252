import { z } from 'zod';
import type { RouteTable } from '../route.ts';
import { AppliedDecision, ApplyDecision, MassDecision, MassPreview } from './mass-decisions.ts';
import {
  Announcement,
  KillSwitch,
  KillSwitchKind,
  MadeAnnouncement,
  NewAnnouncement,
  NewKillSwitch,
  StatusReport,
} from './mission-control.ts';
import { empty, json, list, paged } from './route-parts.ts';

const bySwitch = z.object({ kind: KillSwitchKind, name: z.string().max(254) });
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
  listKillSwitches: {
    method: 'GET',
    path: '/v1/kill-switches',
    summary: 'What is stopped now, and why',
    access: 'person',
    query: z.object(paged),
    reply: list(KillSwitch),
    status: 200,
    errors: [],
  },
  stop: {
    method: 'PUT',
    path: '/v1/kill-switches/:kind/:name',
    summary: 'Stop a slice, a person or a site at once; disks stay',
    access: 'person',
    params: bySwitch,
    body: NewKillSwitch,
    reply: json(KillSwitch),
    status: 200,
    errors: ['unknown_slice', 'unknown_person', 'unknown_site', 'conflict'],
  },
  liftStop: {
    method: 'DELETE',
    path: '/v1/kill-switches/:kind/:name',
    summary: 'Let a slice, a person or a site go on',
    access: 'person',
    params: bySwitch,
    reply: empty,
    status: 204,
    errors: ['not_stopped'],
  },
  previewDecision: {
    method: 'POST',
    path: '/v1/mass-decisions/preview',
    summary: 'What a decision over many nodes, slices or people would do; nothing changes',
    access: 'person',
    body: MassDecision,
    reply: json(MassPreview),
    status: 200,
    errors: ['malformed_expression', 'unknown_node'],
  },
  applyDecision: {
    method: 'POST',
    path: '/v1/mass-decisions',
    summary: 'Do exactly what a preview showed, each by itself',
    access: 'person',
    body: ApplyDecision,
    reply: json(AppliedDecision),
    status: 202,
    location: '/v1/operations/:operation.id',
    errors: ['malformed_expression', 'unknown_node', 'conflict'],
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
