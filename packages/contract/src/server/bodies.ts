import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

type Raw = FastifyRequest['raw'];

/** Ends the connection of a request whose body has not come to its end in that time. */
function cutOffAfter(raw: Raw, ms: number): NodeJS.Timeout {
  const timer = setTimeout(() => raw.destroy(new Error('the body did not arrive in time')), ms);
  timer.unref(); // a process that stops does not wait for it
  for (const end of ['end', 'close', 'error']) raw.once(end, () => clearTimeout(timer));
  return timer;
}

/** Who sends a body drop by drop holds no request open for ever. */
export function boundBodyTime(app: FastifyInstance, withinMs: number): void {
  app.addHook('preParsing', async (request, reply, payload) => {
    const { headers } = request;
    // Only a JSON body is read here before anything else happens: a stream of events has none, that of exec never ends.
    const isJson = headers['content-type']?.startsWith('application/json') === true;
    const isEmpty = headers['transfer-encoding'] === undefined && Number(headers['content-length'] ?? 0) === 0;
    if (!isJson || isEmpty || request.method === 'GET' || request.raw.complete) return payload;
    const timer = cutOffAfter(request.raw, withinMs);
    reply.raw.once('close', () => clearTimeout(timer)); // a body that is refused is never read to its end
    return payload;
  });
}

const REFUSED_BYTES = 16 * 1024 * 1024;
const REFUSED_MS = 10_000;

/**
 * Reads on, and throws away, what still comes of a body that is too large. A connection that is closed under its sender gives
 * that one an error of writing, and our answer is lost with it. Within bounds: who sends far too much, or too slowly, has had
 * the answer by then.
 */
export function readRefusedBody({ raw }: FastifyRequest, reply: FastifyReply): void {
  reply.removeHeader('connection'); // Fastify would close it after the answer
  if (raw.httpVersionMajor >= 2) return; // there a stream ends without its connection
  let left = REFUSED_BYTES;
  raw.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) raw.destroy();
  });
  cutOffAfter(raw, REFUSED_MS);
}
