import { SliceName } from '@planetlab/model';
import { z } from 'zod';
import { page, type RouteTable } from '../route.ts';
import { AdminReason, AdminSliver, AdminStatus, Ban, BanSubject, Drain, Stop } from './admin-types.ts';
import { StepRecord } from './types.ts';

const bySlice = z.object({ slice: SliceName });
const bySubject = z.object({ subject: BanSubject });
const because = z.object({ reason: AdminReason.nullable().default(null) }).strict();

const LOCAL = { access: 'local', status: 200 } as const;
const NOTHING = { access: 'local', reply: { kind: 'empty' }, status: 204 } as const;

/**
 * What the administrator of the machine can see and do (N14), over a Unix socket that only root can open. It needs
 * neither PLC nor uplink. Decisions are durable when the reply comes; slivers follow within seconds. One that cannot be
 * written down, as on a full disk, holds until the manager starts again: `step_failed` says so.
 */
export const adminRoutes = {
  getStatus: {
    ...LOCAL,
    method: 'GET',
    path: '/v1/status',
    summary: 'How the node is doing',
    reply: { kind: 'json', schema: AdminStatus },
    errors: [],
  },
  listSlivers: {
    ...LOCAL,
    method: 'GET',
    path: '/v1/slivers',
    summary: 'Every sliver: who leased it until when, how it is doing, what it uses',
    reply: { kind: 'json', schema: z.object({ items: z.array(AdminSliver) }) },
    errors: [],
  },
  stop: {
    ...LOCAL,
    method: 'PUT',
    path: '/v1/stopped/:slice',
    summary: 'End what runs in a sliver now, and keep it stopped',
    params: bySlice,
    body: because,
    reply: { kind: 'json', schema: Stop },
    errors: ['unknown_sliver', 'step_failed'],
  },
  start: {
    ...NOTHING,
    method: 'DELETE',
    path: '/v1/stopped/:slice',
    summary: 'Let a stopped sliver run again',
    params: bySlice,
    errors: ['unknown_sliver', 'step_failed'],
  },
  listBans: {
    ...LOCAL,
    method: 'GET',
    path: '/v1/bans',
    summary: 'Slices and authorities that get no lease here',
    reply: { kind: 'json', schema: z.object({ items: z.array(Ban) }) },
    errors: [],
  },
  ban: {
    ...LOCAL,
    method: 'PUT',
    path: '/v1/bans/:subject',
    summary: 'End the leases of a slice or an authority now, and grant it no more',
    params: bySubject,
    body: because,
    reply: { kind: 'json', schema: Ban },
    errors: ['step_failed'],
  },
  unban: {
    ...NOTHING,
    method: 'DELETE',
    path: '/v1/bans/:subject',
    summary: 'Allow leases to it again',
    params: bySubject,
    errors: ['conflict', 'step_failed'],
  },
  drain: {
    ...LOCAL,
    method: 'PUT',
    path: '/v1/drain',
    summary: 'Make no new leases and renew none; what runs ends when its lease does',
    body: because,
    reply: { kind: 'json', schema: Drain },
    errors: ['step_failed'],
  },
  undrain: {
    ...NOTHING,
    method: 'DELETE',
    path: '/v1/drain',
    summary: 'Make and renew leases again',
    errors: ['step_failed'],
  },
  listSteps: {
    ...LOCAL,
    method: 'GET',
    path: '/v1/steps',
    summary: 'What the node has done, newest first',
    query: z.object({
      slice: SliceName.optional(),
      limit: z.coerce.number().int().min(1).max(1000).default(50),
      before: z.coerce.number().int().optional(),
    }),
    reply: { kind: 'json', schema: page(StepRecord) },
    errors: [],
  },
} as const satisfies RouteTable;
