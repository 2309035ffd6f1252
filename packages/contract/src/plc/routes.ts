import type { RouteDefinition, RouteTable } from '../route.ts';
import { accountRoutes } from './account-routes.ts';
import { addressRoutes } from './address-routes.ts';
import { authorityRoutes } from './authority-routes.ts';
import { deviceRoutes } from './device-routes.ts';
import { missionControlRoutes } from './mission-control-routes.ts';
import { monitoringRoutes } from './monitoring-routes.ts';
import { nodeServiceRoutes } from './node-service-routes.ts';
import { operationRoutes } from './operation-routes.ts';
import { peopleRoutes } from './people-routes.ts';
import { selectionRoutes } from './selection-routes.ts';
import { settingsRoutes } from './settings-routes.ts';
import { signInRoutes } from './sign-in-routes.ts';
import { sliceLifeRoutes } from './slice-life-routes.ts';
import { sliceRoutes } from './slice-routes.ts';
import { tagRoutes } from './tag-routes.ts';
import { JoinReply, JoinRequest } from './types.ts';

/** What people and their programs ask of the PLC. */
export const plcRoutes = {
  ...authorityRoutes,
  ...accountRoutes,
  ...addressRoutes,
  ...settingsRoutes,
  ...tagRoutes,
  ...signInRoutes,
  ...deviceRoutes,
  ...peopleRoutes,
  ...nodeServiceRoutes,
  ...sliceRoutes,
  ...operationRoutes,
  ...selectionRoutes,
  ...sliceLifeRoutes,
  ...missionControlRoutes,
  ...monitoringRoutes,
} as const satisfies RouteTable;

/** What a machine asks on the node listener before it has a certificate. Afterwards it only keeps its uplink open. */
export const joinRoutes = {
  getAuthority: authorityRoutes.getAuthority,
  join: {
    method: 'POST',
    path: '/v1/join',
    summary: 'Join as a registered node',
    access: 'public',
    body: JoinRequest,
    reply: { kind: 'json', schema: JoinReply },
    status: 201,
    errors: ['join_token_invalid', 'join_token_used', 'join_token_expired', 'node_name_taken', 'clock_skew'],
  },
} as const satisfies Record<string, RouteDefinition>;

/** ALPN protocol by which a node's TLS connection is known as an uplink: HTTP/2 with the node as the server. */
export const UPLINK_PROTOCOL = 'planetlab-uplink/1';
