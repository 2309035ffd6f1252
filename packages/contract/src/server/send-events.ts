import { encodeEvent, encodeHeartbeat } from '../event-stream.ts';
import type { HandlerContext } from './serve.ts';

const HEARTBEAT_MS = 15_000;

/**
 * Answers with server-sent events from an iterable until it ends or the reader goes away.
 * `idOf` gives each the id that a reader sends when it connects again (`Last-Event-ID`).
 * A reader that does not keep up holds its own iterable back: its producer must be bounded.
 */
export async function sendEvents<T>(
  context: HandlerContext,
  events: AsyncIterable<T>,
  idOf?: (event: T) => string,
): Promise<void> {
  const { reply, signal } = context;
  reply.hijack();
  const raw = reply.raw;
  raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  raw.write(encodeHeartbeat()); // the headers go out now: watchers know that they are connected
  const heartbeat = setInterval(() => raw.write(encodeHeartbeat()), HEARTBEAT_MS);
  const iterator = events[Symbol.asyncIterator]();
  const gone = new Promise<'gone'>((resolve) => {
    if (signal.aborted) resolve('gone');
    signal.addEventListener('abort', () => resolve('gone'), { once: true });
  });
  try {
    for (;;) {
      const next = await Promise.race([iterator.next(), gone]);
      if (next === 'gone' || next.done === true) break;
      if (!raw.write(encodeEvent(next.value, idOf?.(next.value)))) await Promise.race([drained(raw), gone]);
    }
  } finally {
    clearInterval(heartbeat);
    await iterator.return?.();
    raw.end();
  }
}

const drained = (stream: NodeJS.WritableStream) => new Promise((resolve) => stream.once('drain', resolve));
