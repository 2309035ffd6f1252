import { coarseDuration } from '../parts/ago.ts';
import type { LiveStatus } from './keep-watching.ts';

interface LiveIndicatorProps {
  readonly status: LiveStatus;
  readonly updatedAtMs: number;
  readonly nowMs: number;
}

const WORDS: Readonly<Record<LiveStatus, string>> = {
  connecting: 'Connecting',
  live: 'Live',
  reconnecting: 'Reconnecting',
};

/** Whether what is shown is what is; and if the stream is down, how old it is. */
export function LiveIndicator({ status, updatedAtMs, nowMs }: LiveIndicatorProps) {
  const age = Math.max(0, nowMs - updatedAtMs);
  return (
    <span className="pl-live" data-status={status} role="status">
      <span className="pl-live-dot" aria-hidden="true" />
      {WORDS[status]}
      {status === 'reconnecting' && updatedAtMs > 0 && (
        <span className="pl-live-age" title="The stream of changes is down. The page asks again every 10 seconds.">
          , asking every 10 s{age > 20_000 ? `, last answer ${coarseDuration(age)} ago` : ''}
        </span>
      )}
    </span>
  );
}
