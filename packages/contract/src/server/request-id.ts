import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';

/** A proxy may give a request its id; one that could be mistaken for something else in a log is replaced. */
export function requestId({ headers }: IncomingMessage | Http2ServerRequest): string {
  const given = headers['x-request-id'];
  return typeof given === 'string' && /^[\w.-]{1,64}$/.test(given) ? given : randomUUID();
}
