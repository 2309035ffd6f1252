import { PlanetLabError } from '@planetlab/model';
import { z } from 'zod';
import { Problem } from './problem.ts';

/**
 * The exec stream: frames in both directions over the body of one request and its response.
 * A frame is a type byte, the payload's length as 4 bytes big-endian, and the payload.
 * Caller: `start` first, then `stdin` (an empty one closes standard input) and `resize`.
 * Node: `stdout`, `stderr`, and at the end exactly one of `exit` and `problem`.
 */
export const EXEC_CONTENT_TYPE = 'application/vnd.planetlab.exec';

const TYPES = ['start', 'stdin', 'resize', 'stdout', 'stderr', 'exit', 'problem'] as const;
const FRAME_LIMIT_BYTES = 1024 * 1024;
const HEADER_BYTES = 5;

const Size = z.object({ rows: z.number().int().min(1).max(10_000), columns: z.number().int().min(1).max(10_000) });
export const ExecStart = z.object({
  argv: z.array(z.string().max(131_072)).min(1).max(4096),
  env: z.record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/), z.string()).optional(),
  workingDirectory: z.string().startsWith('/').optional(),
  terminal: Size.optional(),
});
export type ExecStart = z.infer<typeof ExecStart>;
const Exit = z.object({ code: z.number().int(), signal: z.string().optional() });

export type ExecFrame =
  | { readonly type: 'stdin' | 'stdout' | 'stderr'; readonly data: Uint8Array }
  | { readonly type: 'start'; readonly start: ExecStart }
  | { readonly type: 'resize'; readonly size: z.infer<typeof Size> }
  | { readonly type: 'exit'; readonly exit: z.infer<typeof Exit> }
  | { readonly type: 'problem'; readonly problem: Problem };

export function encodeExecFrame(frame: ExecFrame): Uint8Array {
  const payload = payloadOf(frame);
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  bytes[0] = TYPES.indexOf(frame.type);
  new DataView(bytes.buffer).setUint32(1, payload.length);
  bytes.set(payload, HEADER_BYTES);
  return bytes;
}

function payloadOf(frame: ExecFrame): Uint8Array {
  const json = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  switch (frame.type) {
    case 'stdin':
    case 'stdout':
    case 'stderr':
      return frame.data;
    case 'start':
      return json(frame.start);
    case 'resize':
      return json(frame.size);
    case 'exit':
      return json(frame.exit);
    case 'problem':
      return json(frame.problem);
  }
}

/** Turns chunks of bytes back into frames. Throws `malformed_request` for a type, length or payload that is not one. */
export class ExecFrameDecoder {
  #rest: Uint8Array = new Uint8Array(0);

  *push(chunk: Uint8Array): Generator<ExecFrame> {
    const bytes = this.#rest.length === 0 ? chunk : concat(this.#rest, chunk);
    let offset = 0;
    while (bytes.length - offset >= HEADER_BYTES) {
      const length = new DataView(bytes.buffer, bytes.byteOffset + offset).getUint32(1);
      if (length > FRAME_LIMIT_BYTES) throw malformed(`a frame of ${length} bytes; the most is ${FRAME_LIMIT_BYTES}`);
      if (bytes.length - offset < HEADER_BYTES + length) break;
      const payload = bytes.subarray(offset + HEADER_BYTES, offset + HEADER_BYTES + length);
      offset += HEADER_BYTES + length;
      yield frameOf(bytes[offset - HEADER_BYTES - length] ?? 255, payload);
    }
    this.#rest = bytes.slice(offset);
  }
}

function frameOf(typeByte: number, payload: Uint8Array): ExecFrame {
  const type = TYPES[typeByte];
  switch (type) {
    case 'stdin':
    case 'stdout':
    case 'stderr':
      return { type, data: payload };
    case 'start':
      return { type, start: parse(ExecStart, payload) };
    case 'resize':
      return { type, size: parse(Size, payload) };
    case 'exit':
      return { type, exit: parse(Exit, payload) };
    case 'problem':
      return { type, problem: parse(Problem, payload) };
    default:
      throw malformed(`a frame of unknown type ${typeByte}`);
  }
}

function parse<T>(schema: z.ZodType<T>, payload: Uint8Array): T {
  try {
    return schema.parse(JSON.parse(new TextDecoder().decode(payload)));
  } catch (cause) {
    throw new PlanetLabError('malformed_request', 'The exec stream has a frame whose content is malformed.', { cause });
  }
}

const malformed = (what: string) => new PlanetLabError('malformed_request', `The exec stream has ${what}.`);

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
