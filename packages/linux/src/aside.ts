import type { CallResult } from './syscalls.ts';
import { SystemCallError } from './syscalls.ts';

/**
 * Calls that touch a disk are made on another thread: one that hangs, as on a disk that does not answer, holds up whoever
 * asked for it and nobody else.
 */

/** A call that has not returned in time. It goes on by itself: what it was to do may still happen. */
export class HangingCallError extends Error {
  override readonly name = 'HangingCallError';
}

/** Threads of this process, which others need as well: fewer than there are may hang. */
const MOST_HANGING = 2;
/** The calls that hang, by what they are about. Like the threads they belong to the process. */
const hanging = new Set<string>();

export interface AsideCall {
  readonly syscall: string;
  /** What it is about, for people. */
  readonly subject: string;
  readonly timeoutMs: number;
  readonly make: () => Promise<CallResult>;
}

/** Resolves when the call has succeeded. Throws SystemCallError, and HangingCallError when it is given up. */
export async function callAside({ syscall, subject, timeoutMs, make }: AsideCall): Promise<void> {
  const key = `${syscall} ${subject}`;
  if (hanging.has(key)) throw new HangingCallError(`${syscall} still hangs: ${subject}`);
  if (hanging.size >= MOST_HANGING)
    throw new HangingCallError(`${syscall} is not tried while ${hanging.size} others hang: ${subject}`);
  const { promise: late, resolve: expire } = Promise.withResolvers<'late'>();
  const timer = setTimeout(() => expire('late'), timeoutMs);
  const call = make();
  try {
    const ended = await Promise.race([call, late]);
    if (ended === 'late') {
      hanging.add(key);
      const forget = () => void hanging.delete(key);
      call.then(forget, forget);
      throw new HangingCallError(`${syscall} did not end within ${timeoutMs} ms: ${subject}`);
    }
    if (ended.result < 0) throw new SystemCallError(syscall, ended.errno, subject);
  } finally {
    clearTimeout(timer);
  }
}
