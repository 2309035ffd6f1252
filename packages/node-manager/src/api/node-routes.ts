import { nodeRoutes, openApiDocument } from '@planetlab/contract';
import { type App, serve } from '@planetlab/contract/server';
import { VERSION } from '../version.ts';
import { insufficient } from './authorise.ts';
import { type ApiContext, callerOf } from './context.ts';

/** The node about itself. */
export function serveNode(app: App, context: ApiContext): void {
  serve(app, nodeRoutes.health, async () => ({ status: 'ok' }) as const);

  serve(app, nodeRoutes.getNode, async (_input, call) => {
    callerOf(context, call, 'read');
    return context.facts();
  });

  // whoever may read may ask: the request says nothing secret, and only the authority's certificates are taken
  serve(app, nodeRoutes.getCertificateRequest, async (_input, call) => {
    callerOf(context, call, 'read');
    return { certificateRequest: await context.renewal.request() };
  });

  serve(app, nodeRoutes.setCertificate, async ({ body }, call) => {
    callerOf(context, call, 'read');
    context.renewal.install(body.certificate);
  });

  serve(app, nodeRoutes.setSite, async ({ body }, call) => {
    const { slice, authority } = callerOf(context, call, 'lease');
    if (slice !== '*' || authority !== context.authority) throw insufficient('the node’s own authority tells its site');
    context.site.set(body);
    for (const row of context.store.slivers()) context.sliverChanged(row.slice);
  });

  serve(app, nodeRoutes.reboot, async ({ body }, call) => {
    const { slice, principal } = callerOf(context, call, 'reboot');
    if (slice !== '*') throw insufficient('the machine belongs to no slice');
    return context.rebooter.request(body, principal);
  });

  serve(app, nodeRoutes.listImages, async (_input, call) => {
    callerOf(context, call, 'read');
    return { items: [...context.images.list()] };
  });

  app.get('/v1/openapi.json', async () => openApiDocument({ title: 'PlanetLab node', version: VERSION }, nodeRoutes));
}
