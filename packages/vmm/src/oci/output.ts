import type { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';

const IDLE_MS = 100;

/** What a program writes, for its owner. */
export interface Output {
  readonly stream: PassThrough;
  /** Resolves when all of it is in `stream`, and `source` is closed. */
  readonly done: Promise<void>;
}

/**
 * The output of a program as a stream that ends when the program has closed it. A program that has ended, but left
 * others behind that hold its output open, does not keep its caller waiting: then the stream ends as soon as nothing
 * more is there to read.
 */
export function handOver(source: Socket, exited: Promise<unknown>): Output {
  const stream = new PassThrough();
  const done = new Promise<void>((resolve) => source.once('close', () => resolve()));
  source.on('error', () => {}); // a terminal reports its end as EIO; 'close' follows in any case
  source.once('close', () => stream.end());
  source.pipe(stream, { end: false });
  const cutOff = async () => {
    await exited;
    while (!source.closed) {
      const before = source.bytesRead;
      await delay(IDLE_MS, undefined, { ref: false });
      // Something that waits in `source` means that the reader is slow, not that nothing more comes.
      if (source.bytesRead === before && source.readableLength === 0) source.destroy();
    }
  };
  void cutOff();
  return { stream, done };
}
