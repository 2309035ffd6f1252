import { nodeRoutes, openApiDocument } from '@planetlab/contract';
import { type App, serve } from '@planetlab/contract/server';
import { VERSION } from '../version.ts';
import { type ApiContext, callerOf } from './context.ts';

/** The node about itself. */
export function serveNode(app: App, context: ApiContext): void {
  serve(app, nodeRoutes.health, async () => ({ status: 'ok' }) as const);

  serve(app, nodeRoutes.getNode, async (_input, call) => {
    callerOf(context, call, 'read');
    return context.facts();
  });

  serve(app, nodeRoutes.listImages, async (_input, call) => {
    callerOf(context, call, 'read');
    return { items: [...context.images.list()] };
  });

  app.get('/v1/openapi.json', async () => openApiDocument({ title: 'PlanetLab node', version: VERSION }, nodeRoutes));
}
