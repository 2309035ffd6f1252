import { chmodSync, mkdirSync, rmdirSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { adminRoutes } from '@planetlab/contract';
import { type App, createApp, serve } from '@planetlab/contract/server';
import { messageOf } from '@planetlab/model';
import type { FastifyBaseLogger } from 'fastify';
import type { NodeStore } from '../store/store.ts';
import type { LocalAdmin } from './local-admin.ts';

export interface AdminApiOptions {
  readonly path: string;
  readonly admin: LocalAdmin;
  readonly store: NodeStore;
  readonly logger: FastifyBaseLogger;
}

/** Opens the socket of the machine's administrator. It is root's alone from the moment it exists. */
export async function openAdminApi({ path, admin, store, logger }: AdminApiOptions): Promise<AsyncDisposable> {
  const app = createApp({ logger });
  serveAdmin(app, admin, store);
  await app.ready();
  mkdirSync(dirname(path), { recursive: true });
  chmodSync(dirname(path), 0o711); // roots of slivers are beside it, and root inside must get through
  rmSync(path, { force: true }); // of a manager that was killed: the state folder's lock says that it is gone
  await listen(app, path);
  return {
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => app.server.close(resolve));
      app.server.closeAllConnections();
      await closed;
      await app.close();
      removeSocket(path);
    },
  };
}

/** Removes the socket, and its folder if nothing else is in it, as on a node that only simulates. */
export function removeSocket(path: string): void {
  rmSync(path, { force: true });
  try {
    rmdirSync(dirname(path));
  } catch {
    // slivers are there, or the folder never was
  }
}

async function listen(app: App, path: string): Promise<void> {
  const before = process.umask(0o177);
  const listening = new Promise<void>((resolve, reject) => {
    app.server.once('error', (cause) => reject(new Error(`cannot listen at ${path}: ${messageOf(cause)}`)));
    app.server.listen(path, resolve); // makes the socket before it returns
  });
  process.umask(before);
  await listening;
}

function serveAdmin(app: App, admin: LocalAdmin, store: NodeStore): void {
  serve(app, adminRoutes.getStatus, async () => admin.status());
  serve(app, adminRoutes.listSlivers, async () => ({ items: [...(await admin.slivers())] }));
  serve(app, adminRoutes.stop, async ({ params, body }) => admin.stop(params.slice, body.reason));
  serve(app, adminRoutes.start, async ({ params }) => admin.start(params.slice));
  serve(app, adminRoutes.listBans, async () => ({ items: [...admin.bans()] }));
  serve(app, adminRoutes.ban, async ({ params, body }) => admin.ban(params.subject, body.reason));
  serve(app, adminRoutes.unban, async ({ params }) => admin.unban(params.subject));
  serve(app, adminRoutes.drain, async ({ body }) => admin.drain(body.reason));
  serve(app, adminRoutes.undrain, async () => admin.undrain());
  serve(app, adminRoutes.listSteps, async ({ query: { slice, limit, before } }) => {
    const items = [...store.listSteps({ slices: slice === undefined ? 'all' : [slice], limit, before })];
    const last = items.length === limit ? items.at(-1) : undefined;
    return { items, next: last === undefined ? null : String(last.id) };
  });
}
