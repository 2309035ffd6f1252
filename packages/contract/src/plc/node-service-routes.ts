import { Place, RunLevel } from '@planetlab/model';
import { z } from 'zod';
import type { RouteTable } from '../route.ts';
import { DecisionReason } from './decisions.ts';
import { byNode, json } from './route-parts.ts';
import { NodeInterface, PlcNode } from './types.ts';

const because = z.object({ reason: DecisionReason }).strict();

/** A node's place in service: where it is, its run level, drained, in quarantine. */
export const nodeServiceRoutes = {
  changeNode: {
    method: 'PUT',
    path: '/v1/nodes/:node',
    summary: 'Change what its site says of a node: its place, its interfaces; what is left out stays as it is',
    access: 'person',
    params: byNode,
    body: z
      .object({ place: Place.nullable(), interfaces: z.array(NodeInterface).max(16) })
      .partial()
      .strict(),
    reply: json(PlcNode),
    status: 200,
    errors: ['unknown_node'],
  },
  setRunLevel: {
    method: 'PUT',
    path: '/v1/nodes/:node/run-level',
    summary: 'Set the run level of a node; only at boot its slivers run',
    access: 'person',
    params: byNode,
    body: z.object({ runLevel: RunLevel, reason: DecisionReason.optional() }).strict(),
    reply: json(PlcNode),
    status: 200,
    errors: ['unknown_node'],
  },
  drainNode: {
    method: 'PUT',
    path: '/v1/nodes/:node/drain',
    summary: 'Let a node run empty: no new slivers; those of slices with a selector move, people of others are told',
    access: 'person',
    params: byNode,
    body: because,
    reply: json(PlcNode),
    status: 200,
    errors: ['unknown_node'],
  },
  undrainNode: {
    method: 'DELETE',
    path: '/v1/nodes/:node/drain',
    summary: 'Let a node take new slivers again',
    access: 'person',
    params: byNode,
    reply: json(PlcNode),
    status: 200,
    errors: ['unknown_node'],
  },
  quarantineNode: {
    method: 'PUT',
    path: '/v1/nodes/:node/quarantine',
    summary: 'Put a node into quarantine: its slivers are stopped and keep their disks, and there are no new ones',
    access: 'person',
    params: byNode,
    body: because,
    reply: json(PlcNode),
    status: 200,
    errors: ['unknown_node'],
  },
  endQuarantine: {
    method: 'DELETE',
    path: '/v1/nodes/:node/quarantine',
    summary: 'Take a node out of quarantine; by whoever put it there, or an admin',
    access: 'person',
    params: byNode,
    reply: json(PlcNode),
    status: 200,
    errors: ['unknown_node'],
  },
  rebootNode: {
    method: 'PUT',
    path: '/v1/nodes/:node/reboot',
    summary:
      'Have a machine rebooted: when the node is empty, which it is drained for, at the end of a time, or at once; its owner’s policy decides',
    access: 'person',
    params: byNode,
    body: because.extend({
      now: z.boolean().default(false).describe('Do not drain the node first'),
      withinSeconds: z
        .number()
        .int()
        .min(60)
        .max(30 * 86_400)
        .default(86_400)
        .describe('How long slivers have to leave; after that it is rebooted with those that are there'),
    }),
    reply: json(PlcNode),
    status: 200,
    errors: ['unknown_node', 'conflict', 'admission_refused', 'feature_missing'],
  },
  cancelReboot: {
    method: 'DELETE',
    path: '/v1/nodes/:node/reboot',
    summary: 'Take back a reboot that the node was not told of yet',
    access: 'person',
    params: byNode,
    reply: json(PlcNode),
    status: 200,
    errors: ['unknown_node', 'conflict'],
  },
} as const satisfies RouteTable;
