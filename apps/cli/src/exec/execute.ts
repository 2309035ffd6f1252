import type { ExecStart } from '@planetlab/contract';
import type { ExecSession } from '@planetlab/contract/http2';
import { formatDuration, PlanetLabError } from '@planetlab/model';
import type { Io } from '../io.ts';
import type { Plc } from '../session/client.ts';
import type { SliverTarget } from '../slivers/target.ts';

export interface ExecRequest extends SliverTarget {
  readonly start: ExecStart;
  /** Undefined: as long as it takes. */
  readonly timeoutMs: number | undefined;
}

export interface ExitStatus {
  readonly code: number;
  readonly signal?: string | undefined;
}

/**
 * Runs one program in one sliver to its end. `attach` connects the streams and resolves when all output was taken.
 * When the time is over or the person interrupts, the stream is closed, and with it the program ends.
 */
export async function execute(
  plc: Plc,
  io: Io,
  request: ExecRequest,
  attach: (session: ExecSession) => Promise<void>,
): Promise<ExitStatus> {
  const { timeoutMs } = request;
  const deadline = timeoutMs === undefined ? undefined : AbortSignal.timeout(timeoutMs);
  const signal = deadline === undefined ? io.interrupted : AbortSignal.any([io.interrupted, deadline]);
  try {
    const session = await plc.exec(request, request.start, signal);
    const [status] = await Promise.all([session.exit, attach(session)]);
    return status;
  } catch (cause) {
    if (deadline?.aborted !== true) throw cause;
    throw new PlanetLabError(
      'timed_out',
      `The program did not end within ${formatDuration(timeoutMs ?? 0)} and was stopped.`,
      { cause },
    );
  }
}
