import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from '@planetlab/contract/server';
import { SECOND_MS } from '@planetlab/model';

/** How long a process that stops waits for requests that are under way; a program that runs for longer is cut off. */
export const DRAIN_MS = 5 * SECOND_MS;
const POLL_MS = 20;

/** The requests of people and programs that are under way, so that a process which stops lets them end. */
export interface Drain {
  /** True from the moment that this process stops: no proxy should send it anything more. */
  readonly draining: boolean;
  /** Takes no new connections, asks those that are open to go elsewhere, and waits for their requests. */
  drain(): Promise<void>;
}

export function createDrain(app: App): Drain {
  let draining = false;
  let underWay = 0;
  app.addHook('onRequest', async (_request, reply) => {
    underWay++;
    reply.raw.once('close', () => {
      underWay--;
    });
  });
  app.addHook('onSend', async (_request, reply) => {
    if (draining) reply.header('connection', 'close');
  });
  return {
    get draining() {
      return draining;
    },
    async drain() {
      draining = true;
      app.server.close();
      await until(() => underWay === 0, DRAIN_MS);
      app.server.closeAllConnections(); // also of who sends a request word by word, or keeps a connection for later
    },
  };
}

/** Waits for a condition, but no longer than a bound. */
export async function until(isSo: () => boolean, limitMs: number): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!isSo() && performance.now() < deadline) await sleep(POLL_MS);
}
