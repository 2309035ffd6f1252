import { extname } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { App } from '@planetlab/contract/server';
import { PlanetLabError } from '@planetlab/model';

/** Only what comes from here runs. Mantine sets styles inline; scripts never are. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'none'",
].join('; ');

/** On every answer of the public listener. */
export function addSecurityHeaders(app: App): void {
  app.addHook('onRequest', async (_request, reply) => {
    reply.raw.setHeader('content-security-policy', CONTENT_SECURITY_POLICY);
    reply.raw.setHeader('x-content-type-options', 'nosniff');
    reply.raw.setHeader('referrer-policy', 'no-referrer');
    reply.raw.setHeader('cross-origin-opener-policy', 'same-origin');
    reply.raw.setHeader('cross-origin-resource-policy', 'same-origin');
  });
}

const FOREVER_MS = 365 * 24 * 3600 * 1000;

/** The console's files. Any path of the page itself gets its one HTML file: the page knows its own addresses. */
export async function serveConsole(app: App, folder: string): Promise<void> {
  await app.register(fastifyStatic, { root: folder, serve: false, index: false });
  app.get('/*', (request, reply) => {
    const path = request.url.split('?')[0] ?? '/';
    if (path.startsWith('/v1/')) throw new PlanetLabError('no_such_route', `There is no GET ${path} here.`);
    if (extname(path) === '') return reply.sendFile('index.html', { cacheControl: false });
    // Built files carry a hash in their names: what was fetched once stays good.
    const hashed = path.startsWith('/assets/');
    return reply.sendFile(decodeURIComponent(path), hashed ? { maxAge: FOREVER_MS, immutable: true } : { maxAge: 0 });
  });
}
