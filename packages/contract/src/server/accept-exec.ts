import type { Readable, Writable } from 'node:stream';
import { isPlanetLabError, messageOf, PlanetLabError } from '@planetlab/model';
import {
  EXEC_CONTENT_TYPE,
  type ExecFrame,
  ExecFrameDecoder,
  type ExecStart,
  encodeExecFrame,
} from '../exec-frames.ts';
import { problemOf } from '../problem.ts';
import type { HandlerContext } from './serve.ts';

/** What runs the program: shaped as the VMM's ExecProcess, of which this knows nothing. */
export interface ExecBackend {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  readonly exit: Promise<{ readonly code: number; readonly signal?: string }>;
  resize(size: { readonly rows: number; readonly columns: number }): void;
  kill(): void;
}

const START_TIMEOUT_MS = 10_000;

/**
 * Serves one exec stream: reads the `start` frame, asks `open` for the program, then pumps both ways with back-pressure
 * until it ends. When the caller goes away the program is killed: nothing runs on for nobody.
 */
export async function acceptExec(
  context: HandlerContext,
  open: (start: ExecStart) => Promise<ExecBackend>,
): Promise<void> {
  const frames = readFrames(context.request.body as Readable, context.signal);
  const first = await withTimeout(frames.next());
  if (first.done === true || first.value.type !== 'start') {
    throw new PlanetLabError('malformed_request', 'An exec stream begins with a start frame.');
  }
  const backend = await open(first.value.start);
  const { reply, signal } = context;
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': EXEC_CONTENT_TYPE, 'cache-control': 'no-store' });
  reply.raw.flushHeaders(); // the caller sends no input before it knows that the program runs
  const stop = () => backend.kill();
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  const send = sender(reply.raw);
  const input = pumpInput(frames, backend).catch((error) => {
    backend.kill();
    return isPlanetLabError(error)
      ? error
      : new PlanetLabError('canceled', `The exec stream broke: ${messageOf(error)}.`);
  });
  await Promise.all([pumpOutput('stdout', backend.stdout, send), pumpOutput('stderr', backend.stderr, send)]);
  const exit = await backend.exit;
  const failure = await Promise.race([input, Promise.resolve(undefined)]);
  await send(failure === undefined ? { type: 'exit', exit } : { type: 'problem', problem: problemOf(failure) });
  signal.removeEventListener('abort', stop);
  reply.raw.end();
}

async function* readFrames(body: Readable, signal: AbortSignal): AsyncGenerator<ExecFrame> {
  const decoder = new ExecFrameDecoder();
  for await (const chunk of body) {
    if (signal.aborted) return;
    yield* decoder.push(chunk as Uint8Array); // a request body gives bytes
  }
}

async function pumpInput(frames: AsyncGenerator<ExecFrame>, backend: ExecBackend): Promise<undefined> {
  backend.stdin.on('error', () => {}); // a program may close its input early; its exit tells
  for await (const frame of frames) {
    if (frame.type === 'resize') backend.resize(frame.size);
    else if (frame.type !== 'stdin')
      throw new PlanetLabError('malformed_request', `A caller does not send ${frame.type} frames.`);
    else if (frame.data.length === 0) backend.stdin.end();
    else if (!backend.stdin.write(frame.data)) await drainedOrClosed(backend.stdin);
  }
  return undefined;
}

async function pumpOutput(
  type: 'stdout' | 'stderr',
  stream: Readable,
  send: (frame: ExecFrame) => Promise<void>,
): Promise<void> {
  for await (const chunk of stream) await send({ type, data: chunk as Uint8Array }); // programs write bytes
}

/** Writes frames to a stream, each awaited until there is room or the reader is gone. */
const sender =
  (stream: Writable) =>
  async (frame: ExecFrame): Promise<void> => {
    if (stream.destroyed || stream.writableEnded) return;
    if (!stream.write(encodeExecFrame(frame))) await drainedOrClosed(stream);
  };

const drainedOrClosed = (stream: Writable) =>
  new Promise<void>((resolve) => {
    const done = () => {
      stream.off('drain', done);
      stream.off('close', done);
      stream.off('error', done);
      resolve();
    };
    if (stream.destroyed) resolve();
    else stream.on('drain', done).on('close', done).on('error', done);
  });

async function withTimeout<T>(promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new PlanetLabError('timed_out', 'No start frame came within 10 seconds.')),
    START_TIMEOUT_MS,
  );
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
