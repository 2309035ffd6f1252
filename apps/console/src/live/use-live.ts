import { Change } from '@planetlab/contract';
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { LIVE_QUERIES, QUERIES_OF_CHANGE } from '../api/queries.ts';
import { keepWatching, type LiveStatus, openEventSource } from './keep-watching.ts';
import { Refresher } from './refresher.ts';

const GATHER_MS = 150;
/** Without the stream. */
export const POLL_MS = 10_000;
/** With it: a net below it, should a change ever be missed. */
const SAFETY_POLL_MS = 60_000;

export interface Live {
  readonly status: LiveStatus;
  readonly pollMs: number;
}

/** Watches the authority's changes and has the queries they concern read again. */
export function useLive(): Live {
  const queries = useQueryClient();
  const [status, setStatus] = useState<LiveStatus>('connecting');
  useEffect(() => {
    const refresher = new Refresher<string>(async (keys) => {
      await Promise.all(keys.map((key) => queries.invalidateQueries({ queryKey: [key] })));
    }, GATHER_MS);
    const stop = keepWatching({
      open: (handlers) => openEventSource('/v1/watch', handlers),
      onStatus: (next) => {
        setStatus(next);
        // Whatever happened while we were not listening.
        if (next === 'live') refresher.note(LIVE_QUERIES);
      },
      onChange: (data) => refresher.note(queriesOf(data)),
      random: Math.random,
    });
    return () => {
      stop();
      refresher.stop();
    };
  }, [queries]);
  return { status, pollMs: status === 'live' ? SAFETY_POLL_MS : POLL_MS };
}

/** A change of a kind that this version does not know: everything is read again. */
function queriesOf(data: string): readonly string[] {
  const change = Change.safeParse(parseJson(data));
  return change.success ? QUERIES_OF_CHANGE[change.data.type] : LIVE_QUERIES;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // not a change; see above
  }
}
