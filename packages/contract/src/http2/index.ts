/**
 * Transports of the contract over Node's own connections: an HTTP/2 session (the node's uplink, or direct TLS to a node).
 * It must not know who is at either end, nor what is said.
 */

export { http1DuplexOpener } from './http1-duplex.ts';
export { http2Transport, openHttp2Stream } from './http2-transport.ts';
export { type DuplexOpener, type ExecSession, openExec } from './open-exec.ts';
