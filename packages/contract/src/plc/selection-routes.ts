import type { RouteTable } from '../route.ts';
import { bySlice, empty, json } from './route-parts.ts';
import { NodeSelection, PlacedSelection, SelectNodes, SelectSlivers, SliceSelector } from './selection.ts';

/** Choosing nodes (P5). */
export const selectionRoutes = {
  selectNodes: {
    method: 'POST',
    path: '/v1/selections',
    summary: 'Which nodes would be chosen, and why each was or was not; nothing changes',
    access: 'person',
    body: SelectNodes,
    reply: json(NodeSelection),
    status: 200,
    errors: ['malformed_expression', 'unknown_node', 'unknown_slice'],
  },
  selectSlivers: {
    method: 'POST',
    path: '/v1/slices/:slice/selections',
    summary: 'Put a slice on nodes chosen by their properties, those that it is on included',
    access: 'person',
    params: bySlice,
    body: SelectSlivers,
    reply: json(PlacedSelection),
    status: 202,
    location: '/v1/operations/:operation.id',
    errors: [
      'malformed_expression',
      'selection_too_small',
      'unknown_node',
      'unknown_slice',
      'slice_expired',
      'quota_exceeded',
    ],
  },
  getSelector: {
    method: 'GET',
    path: '/v1/slices/:slice/selector',
    summary: 'The request by which a slice chose its nodes, if it keeps it',
    access: 'person',
    params: bySlice,
    reply: json(SliceSelector),
    status: 200,
    errors: ['unknown_slice', 'unknown_selector'],
  },
  deleteSelector: {
    method: 'DELETE',
    path: '/v1/slices/:slice/selector',
    summary: 'Forget how a slice chose its nodes; it stays where it is',
    access: 'person',
    params: bySlice,
    reply: empty,
    status: 204,
    errors: ['unknown_slice', 'unknown_selector'],
  },
} as const satisfies RouteTable;
