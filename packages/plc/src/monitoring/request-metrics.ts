import type { App } from '@planetlab/contract/server';
import { SECOND_MS } from '@planetlab/model';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { Counter, Histogram, type Registry } from 'prom-client';

/** Asked by machines every few seconds: their log lines would be most of the log. */
const QUIET = new Set(['/healthz', '/readyz', '/metrics']);
const SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10];

/**
 * Counts every request and writes a line about it. Both name the route and not the path: paths are without bound, and may
 * hold what is nobody else's business. The request's id stands in the reply's `x-request-id` too.
 * Gives how many have come so far, without those that machines ask every few seconds.
 */
export function observeRequests(
  app: App,
  registry: Registry,
  log: Logger,
  whoAsks: (request: FastifyRequest) => string | undefined,
): () => number {
  let count = 0;
  const requests = new Counter({
    name: 'planetlab_http_requests_total',
    help: 'Requests of people and programs, by route and status',
    labelNames: ['method', 'route', 'status'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'planetlab_http_request_seconds',
    help: 'From the first byte of a request to the last of its reply; programs and watchers last as long as they do',
    labelNames: ['route'],
    buckets: SECONDS,
    registers: [registry],
  });
  app.addHook('onSend', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
  app.addHook('onRequest', async (request, reply) => {
    const startedMs = performance.now();
    const route = request.routeOptions.url ?? 'none';
    if (!QUIET.has(route)) count += 1;
    reply.raw.once('close', () => {
      const ms = Math.round(performance.now() - startedMs);
      const status = reply.raw.statusCode;
      requests.inc({ method: request.method, route, status });
      durations.observe({ route }, ms / SECOND_MS);
      const fields = { request: request.id, method: request.method, route, status, ms, who: whoAsks(request) };
      if (QUIET.has(route)) log.debug(fields, 'request');
      else log.info(fields, 'request');
    });
  });
  return () => count;
}
