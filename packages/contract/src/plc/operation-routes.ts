import { SliceName } from '@planetlab/model';
import { z } from 'zod';
import type { RouteTable } from '../route.ts';
import { Operation, OperationItem, OperationProgress } from './operation-types.ts';
import { json, list, paged } from './route-parts.ts';

const byOperation = z.object({ operation: z.uuid() });

/** Operations over many nodes: started by other routes, followed and canceled here. */
export const operationRoutes = {
  listOperations: {
    method: 'GET',
    path: '/v1/operations',
    summary: 'Operations that the reader may see, newest first',
    access: 'person',
    query: z.object({ ...paged, slice: SliceName.optional(), running: z.enum(['true', 'false']).optional() }),
    reply: list(Operation),
    status: 200,
    errors: [],
  },
  getOperation: {
    method: 'GET',
    path: '/v1/operations/:operation',
    summary: 'One operation, and how many of its items are how far',
    access: 'person',
    params: byOperation,
    reply: json(Operation),
    status: 200,
    errors: ['unknown_operation'],
  },
  listOperationItems: {
    method: 'GET',
    path: '/v1/operations/:operation/items',
    summary: 'The items of an operation, each with its state and reason',
    access: 'person',
    params: byOperation,
    query: z.object(paged),
    reply: list(OperationItem),
    status: 200,
    errors: ['unknown_operation'],
  },
  watchOperation: {
    method: 'GET',
    path: '/v1/operations/:operation/watch',
    summary:
      'Progress as it happens, until the operation ends; goes on after Last-Event-ID, or after the version given',
    access: 'person',
    params: byOperation,
    query: z.object({ after: z.coerce.number().int().min(0).max(2_147_483_647).optional() }),
    reply: { kind: 'events', schema: OperationProgress },
    status: 200,
    errors: ['unknown_operation'],
  },
  cancelOperation: {
    method: 'POST',
    path: '/v1/operations/:operation/cancel',
    summary: 'End an operation now; slivers that it wanted and that do not run yet are taken back',
    access: 'person',
    params: byOperation,
    reply: json(Operation),
    status: 200,
    errors: ['unknown_operation', 'conflict'],
  },
} as const satisfies RouteTable;
