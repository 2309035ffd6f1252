/**
 * The server's side of the contract, shared by PLC and node manager: routes are served from their definitions,
 * requests are parsed at the boundary, failures become problem documents in one place. It must not know any route.
 */

export { acceptExec, type ExecBackend } from './accept-exec.ts';
export type { ChangeGuard, Conventions, Guarded, GuardedChange, LimitState } from './conventions.ts';
export { digestOfLeases, digestOfSlivers, type KnownLease, type KnownSliver, knownSliver } from './known.ts';
export { sendEvents } from './send-events.ts';
export type { App, Handler, HandlerContext } from './serve.ts';
export { createApp, serve, useConventions } from './serve.ts';
export { WrittenJson } from './written-json.ts';
