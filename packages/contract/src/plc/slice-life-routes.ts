import { Instant, IpAddress, NodeName } from '@planetlab/model';
import { z } from 'zod';
import type { RouteTable } from '../route.ts';
import { DecisionReason } from './decisions.ts';
import { bySlice, json } from './route-parts.ts';
import { Attribution, Slice, SliceChange } from './types.ts';

/** What happens to a slice between its creation and its end, and what is known of it after that. */
export const sliceLifeRoutes = {
  changeSlice: {
    method: 'PUT',
    path: '/v1/slices/:slice',
    summary: 'Change what a slice says of itself, and its limit of nodes; what is left out stays as it is',
    access: 'person',
    params: bySlice,
    body: SliceChange,
    reply: json(Slice),
    status: 200,
    errors: ['unknown_slice', 'slice_expired'],
  },
  suspendSlice: {
    method: 'PUT',
    path: '/v1/slices/:slice/suspension',
    summary: 'Suspend a slice: its slivers are stopped and keep their disks, and there are no new ones',
    access: 'person',
    params: bySlice,
    body: z.object({ reason: DecisionReason }).strict(),
    reply: json(Slice),
    status: 200,
    errors: ['unknown_slice'],
  },
  resumeSlice: {
    method: 'DELETE',
    path: '/v1/slices/:slice/suspension',
    summary: 'Let a slice run again that people suspended; by whoever did, or an admin',
    access: 'person',
    params: bySlice,
    reply: json(Slice),
    status: 200,
    errors: ['unknown_slice'],
  },
  attribute: {
    method: 'GET',
    path: '/v1/attribution',
    summary: 'Which slices had a sliver on a node at a time, and whose they were; of deleted slices too',
    access: 'person',
    query: z.object({
      node: NodeName,
      /** Of the node, which all of its slivers share, or of one sliver. */
      address: IpAddress.optional(),
      at: Instant,
    }),
    reply: json(z.object({ items: z.array(Attribution) })),
    status: 200,
    errors: ['unknown_node'],
  },
} as const satisfies RouteTable;
