import { setTimeout as sleep } from 'node:timers/promises';
import { Change } from '@planetlab/contract';
import { messageOf } from '@planetlab/model';
import pg from 'pg';
import { z } from 'zod';
import { type Announcement, CHANGES_CHANNEL } from '../events/record.ts';
import { clientConfig, type DatabaseAddress } from '../store/database.ts';

/** Hears of committed changes, those of other processes included. */
export interface ChangeFeed extends AsyncDisposable {
  /** `onMissed` is called when changes may have been missed: whoever acts on them looks at everything again. */
  subscribe(onChange: (change: Announcement) => void, onMissed: () => void): () => void;
}

export interface ChangeFeedOptions {
  readonly address: DatabaseAddress;
  /** Before each connection: brings a private server back. */
  readonly ensureRunning: () => Promise<void>;
  /** After each connection, on it: may refuse by throwing. */
  readonly onConnected?: (client: pg.Client) => Promise<void>;
  readonly log: { warn(details: object, text: string): void };
}

const AnnouncementSchema = Change.extend({ fromNode: z.literal(true).exactOptional() });
const RETRY_MS = 500;

export async function openChangeFeed(options: ChangeFeedOptions): Promise<ChangeFeed> {
  const subscribers = new Set<{ onChange: (change: Announcement) => void; onMissed: () => void }>();
  const stopping = new AbortController();
  const publish = (payload: string | undefined) => {
    const change = AnnouncementSchema.safeParse(tryJson(payload));
    if (change.success) for (const subscriber of subscribers) subscriber.onChange(change.data);
  };
  const connect = async (): Promise<{ client: pg.Client; ended: Promise<void> }> => {
    await options.ensureRunning();
    const client = new pg.Client({ ...clientConfig(options.address), keepAlive: true });
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    client.on('error', (error) => options.log.warn({ error: messageOf(error) }, 'lost the database'));
    client.on('notification', (message) => publish(message.payload));
    await client.connect();
    try {
      await options.onConnected?.(client);
    } catch (error) {
      await client.end();
      throw error;
    }
    await client.query(`listen ${CHANGES_CHANNEL}`);
    return { client, ended };
  };
  let current = await connect();
  const keep = (async () => {
    for (;;) {
      await current.ended;
      if (stopping.signal.aborted) return;
      const next = await reconnect(connect, options.log, stopping.signal);
      if (next === undefined) return;
      current = next;
      if (stopping.signal.aborted) return void (await next.client.end());
      for (const subscriber of subscribers) subscriber.onMissed();
    }
  })();
  return {
    subscribe(onChange, onMissed) {
      const subscriber = { onChange, onMissed };
      subscribers.add(subscriber);
      return () => void subscribers.delete(subscriber);
    },
    async [Symbol.asyncDispose]() {
      stopping.abort();
      await current.client.end().catch(() => {}); // already gone
      await keep;
    },
  };
}

/** Tries until it succeeds; undefined when stopped meanwhile. */
async function reconnect<T>(
  connect: () => Promise<T>,
  log: ChangeFeedOptions['log'],
  signal: AbortSignal,
): Promise<T | undefined> {
  while (!signal.aborted) {
    try {
      return await connect();
    } catch (error) {
      log.warn({ error: messageOf(error) }, 'the database does not answer; trying again');
      await sleep(RETRY_MS, undefined, { signal }).catch(() => {}); // stopped: the loop ends
    }
  }
  return undefined;
}

function tryJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '');
  } catch {
    return undefined; // not of ours
  }
}
