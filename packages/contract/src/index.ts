/**
 * The HTTP contract of PLC and node as schemas: from one table come validation, OpenAPI 3.1 and typed clients.
 * It runs in a browser (server and HTTP/2 parts are separate exports) and must not know how either side does its work.
 */
export type { Client, ClientOptions } from './client.ts';
export { createClient, fetchTransport } from './client.ts';
export { decodeEvents, encodeEvent, encodeHeartbeat } from './event-stream.ts';
export type { ExecFrame } from './exec-frames.ts';
export { EXEC_CONTENT_TYPE, ExecFrameDecoder, ExecStart, encodeExecFrame } from './exec-frames.ts';
export { adminRoutes } from './node/admin-routes.ts';
export * from './node/admin-types.ts';
export { nodeRoutes } from './node/routes.ts';
export * from './node/types.ts';
export { openApiDocument } from './openapi.ts';
export * from './plc/decisions.ts';
export type { DeviceSignIn } from './plc/device-routes.ts';
export * from './plc/mass-decisions.ts';
export * from './plc/mission-control.ts';
export * from './plc/operation-types.ts';
export * from './plc/passkey-types.ts';
export * from './plc/people-types.ts';
export { joinRoutes, plcRoutes, UPLINK_PROTOCOL } from './plc/routes.ts';
export { coversScope, scopeOf } from './plc/scopes.ts';
export * from './plc/selection.ts';
export * from './plc/sensor-words.ts';
export * from './plc/settings.ts';
export * from './plc/tags.ts';
export * from './plc/types.ts';
export { errorOf, PROBLEM_CONTENT_TYPE, Problem, problemOf, problemToError } from './problem.ts';
export type { RouteDefinition, RouteInput, RouteOutput, RouteTable } from './route.ts';
export { fillPath, page } from './route.ts';
export type { Transport, TransportRequest, TransportResponse } from './transport.ts';
export { withHeaders } from './transport.ts';
