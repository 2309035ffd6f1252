import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

const IDLE_MS = 100;
/** So often all that was there is read: by then also what was written before the first time. */
const MOST_LOOKS = 20;
/** More than any pipe or terminal holds: 1 MiB is the most for who is not root of the host. */
const MOST_HELD = 2 * 1024 * 1024;

/** What a program writes, for its owner. */
export interface Output {
  readonly stream: PassThrough;
  /** Resolves when all of it is in `stream`, and `source` is closed. */
  readonly done: Promise<void>;
  /** Closes `source`, whoever still writes to it. */
  close(): void;
}

/**
 * The output of a program as a stream that ends when the program has closed it. A program that has ended, but left
 * others behind that hold its output open, does not keep its caller waiting: then the stream ends as soon as nothing
 * more is there to read, or all that the program itself can have written was read.
 */
export function handOver(source: Socket, exited: Promise<unknown>): Output {
  const stream = new PassThrough();
  const done = new Promise<void>((resolve) => source.once('close', () => resolve()));
  source.on('error', () => {}); // a terminal reports its end as EIO; 'close' follows in any case
  source.once('close', () => stream.end());
  source.pipe(stream, { end: false });
  const cutOff = async () => {
    await exited;
    const own = source.bytesRead + MOST_HELD; // what comes after so much, others have written
    for (let looks = 0; !source.closed; ) {
      const before = source.bytesRead;
      await delay(IDLE_MS, undefined, { ref: false });
      // Something that waits in `source` means that the reader is slow, not that nothing more comes.
      const allRead = source.readableLength === 0;
      if (allRead) looks += 1;
      const over = allRead && (source.bytesRead === before || looks === MOST_LOOKS);
      if (over || source.bytesRead > own) source.destroy();
    }
  };
  void cutOff();
  return { stream, done, close: () => void source.destroy() };
}
