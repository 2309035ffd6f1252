import { setTimeout as sleep } from 'node:timers/promises';
import type { Operation, OperationItem } from '@planetlab/contract';
import { isPlanetLabError } from '@planetlab/model';
import type { Plc } from '../session/client.ts';

/** An operation with all its items as last heard. */
export interface Followed {
  readonly operation: Operation;
  readonly items: readonly OperationItem[];
}

const AGAIN_MS = 1000;

/**
 * Follows an operation until it ends. A stream that breaks, or a PLC that restarts, is asked again from where we were;
 * what the PLC refuses is thrown.
 */
export async function followOperation(
  plc: Plc,
  id: string,
  interrupted: AbortSignal,
  onChange: (changed: readonly OperationItem[], operation: Operation) => void,
): Promise<Followed> {
  const items = new Map<string, OperationItem>();
  let after = 0;
  for (;;) {
    try {
      const stream = await plc.client.watchOperation({ params: { operation: id }, query: { after } });
      for await (const progress of stream) {
        for (const item of progress.items) items.set(item.subject, item);
        after = progress.operation.version;
        onChange(progress.items, progress.operation);
        if (progress.operation.endedAt !== null) return { operation: progress.operation, items: [...items.values()] };
      }
    } catch (error) {
      if (interrupted.aborted || (isPlanetLabError(error) && error.status < 500)) throw error;
    }
    await sleep(AGAIN_MS, undefined, { signal: interrupted });
  }
}
