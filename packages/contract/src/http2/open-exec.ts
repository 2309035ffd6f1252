import { type Duplex, PassThrough, Writable } from 'node:stream';
import { PlanetLabError } from '@planetlab/model';
import { EXEC_CONTENT_TYPE, ExecFrameDecoder, type ExecStart, encodeExecFrame } from '../exec-frames.ts';
import { problemToError } from '../problem.ts';

/** Opens a POST whose two bodies flow at the same time. `firstBytes` go out at once: the server answers only after them. */
export type DuplexOpener = (
  path: string,
  headers: Readonly<Record<string, string>>,
  firstBytes: Uint8Array,
) => Promise<{ readonly stream: Duplex; readonly status: number }>;

/** A program running at the other end of an exec stream. */
export interface ExecSession {
  readonly stdin: Writable;
  readonly stdout: PassThrough;
  readonly stderr: PassThrough;
  /** Rejects with the server's error, or `node_unreachable` when the stream broke before the program's end was known. */
  readonly exit: Promise<{ readonly code: number; readonly signal?: string | undefined }>;
  resize(size: { readonly rows: number; readonly columns: number }): void;
  /** Breaks the stream; the other end kills the program. */
  close(): void;
}

export async function openExec(opener: DuplexOpener, path: string, start: ExecStart): Promise<ExecSession> {
  const { stream, status } = await opener(
    path,
    { 'content-type': EXEC_CONTENT_TYPE },
    encodeExecFrame({ type: 'start', start }),
  );
  stream.on('error', () => {}); // whoever reads below sees it and says so
  if (status !== 200) {
    const text = await textOf(stream);
    stream.destroy(); // our half is still open, and would hold the connection
    throw problemToError(status, text);
  }
  const stdout = new PassThrough();
  const stderr = new PassThrough();
  const exit = pump(stream, stdout, stderr).finally(() => {
    stdout.end();
    stderr.end();
    stream.destroy();
  });
  exit.catch(() => {}); // whoever awaits `exit` hears of it; nobody need
  return {
    stdin: stdinOf(stream),
    stdout,
    stderr,
    exit,
    resize: (size) => void stream.write(encodeExecFrame({ type: 'resize', size })),
    close: () => stream.destroy(),
  };
}

const CHUNK_BYTES = 64 * 1024;

const stdinOf = (stream: Duplex): Writable =>
  new Writable({
    write(chunk: Buffer, _encoding, callback) {
      for (let at = 0; at < chunk.length; at += CHUNK_BYTES) {
        const data = chunk.subarray(at, at + CHUNK_BYTES);
        const last = at + CHUNK_BYTES >= chunk.length;
        stream.write(encodeExecFrame({ type: 'stdin', data }), last ? (error) => callback(error) : undefined);
      }
    },
    final(callback) {
      // an empty frame closes standard input; the request itself stays open for resize
      stream.write(encodeExecFrame({ type: 'stdin', data: new Uint8Array(0) }), (error) => callback(error));
    },
  }).on('error', () => {}); // broken stream: `exit` says so

async function pump(
  stream: Duplex,
  stdout: PassThrough,
  stderr: PassThrough,
): Promise<{ code: number; signal?: string | undefined }> {
  const decoder = new ExecFrameDecoder();
  try {
    for await (const chunk of stream) {
      for (const frame of decoder.push(chunk as Uint8Array)) {
        if (frame.type === 'exit') return frame.exit;
        if (frame.type === 'problem') throw problemToError(frame.problem.status, JSON.stringify(frame.problem));
        if (frame.type !== 'stdout' && frame.type !== 'stderr') continue;
        const target = frame.type === 'stdout' ? stdout : stderr;
        if (!target.write(frame.data)) await new Promise((resolve) => target.once('drain', resolve));
      }
    }
  } catch (cause) {
    if (cause instanceof PlanetLabError) throw cause;
    throw broken(cause);
  }
  throw broken();
}

const broken = (cause?: unknown) =>
  new PlanetLabError(
    'node_unreachable',
    'The exec stream broke before the program ended; the program has been stopped.',
    { cause },
  );

async function textOf(stream: Duplex): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += String(chunk);
    if (text.length > 65_536) break;
  }
  return text;
}
