import { finished } from 'node:stream/promises';
import type { ExecSession } from '@planetlab/contract/http2';
import { type Io, releaseInput } from '../io.ts';
import type { Plc } from '../session/client.ts';
import { usageError } from '../usage.ts';
import { type ExecRequest, execute } from './execute.ts';

/** Runs a program in one sliver as if it were here: its streams are ours, byte by byte. Returns its exit code. */
export async function execInOne(plc: Plc, io: Io, request: ExecRequest): Promise<number> {
  const status = await execute(plc, io, request, async (session) => {
    io.stdin.pipe(session.stdin);
    try {
      await copyOutput(session, io);
    } finally {
      io.stdin.unpipe(session.stdin);
      releaseInput(io.stdin);
    }
  });
  return status.code;
}

/** The same with a terminal on both sides: every key goes to the other end, Ctrl-C too, and so does the window's size. */
export async function execInTerminal(plc: Plc, io: Io, request: ExecRequest): Promise<number> {
  if (io.stdin.isTTY !== true || io.stdout.isTTY !== true) {
    throw usageError('-t needs a terminal on standard input and output.');
  }
  const size = () => ({ rows: io.stdout.rows || 24, columns: io.stdout.columns || 80 });
  const term = io.env['TERM'];
  const start = { ...request.start, terminal: size(), ...(term === undefined ? {} : { env: { TERM: term } }) };
  const status = await execute(plc, io, { ...request, start }, async (session) => {
    const resize = () => session.resize(size());
    io.stdin.setRawMode?.(true);
    io.stdout.on('resize', resize);
    io.stdin.pipe(session.stdin);
    try {
      await copyOutput(session, io);
    } finally {
      io.stdin.unpipe(session.stdin);
      io.stdout.off('resize', resize);
      io.stdin.setRawMode?.(false);
      releaseInput(io.stdin);
    }
  });
  return status.code;
}

async function copyOutput(session: ExecSession, io: Io): Promise<void> {
  session.stdout.pipe(io.stdout, { end: false });
  session.stderr.pipe(io.stderr, { end: false });
  await Promise.all([finished(session.stdout), finished(session.stderr)]);
}
