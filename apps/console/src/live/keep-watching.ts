export type LiveStatus = 'connecting' | 'live' | 'reconnecting';

interface StreamHandlers {
  onOpen(): void;
  onChange(data: string): void;
  onError(): void;
}

export interface WatchOptions {
  /** Opens one stream; returns what closes it. */
  readonly open: (handlers: StreamHandlers) => () => void;
  readonly onStatus: (status: LiveStatus) => void;
  readonly onChange: (data: string) => void;
  /** In [0, 1): spreads the consoles that all lost the same PLC. */
  readonly random: () => number;
}

const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 10_000;

/** The pause before the nth try (from 0): doubling from 1 s to 10 s, of which half is random. */
export const reconnectPauseMs = (attempt: number, random: number): number =>
  Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(attempt, 10)) * (0.5 + random / 2);

/** Keeps one stream of changes open until stopped, opening it again after every loss. Returns what stops it. */
export function keepWatching({ open, onStatus, onChange, random }: WatchOptions): () => void {
  let attempt = 0;
  let close = () => {};
  let timer: ReturnType<typeof setTimeout> | undefined;
  const connect = () => {
    let lost = false;
    close = open({
      onOpen: () => {
        attempt = 0;
        onStatus('live');
      },
      onChange,
      onError: () => {
        if (lost) return;
        lost = true;
        close();
        onStatus('reconnecting');
        timer = setTimeout(connect, reconnectPauseMs(attempt, random()));
        attempt += 1;
      },
    });
  };
  onStatus('connecting');
  connect();
  return () => {
    clearTimeout(timer);
    close();
  };
}

/** The browser's own reconnection does not come back from every kind of failure; ours does, so each stream is used once. */
export function openEventSource(url: string, handlers: StreamHandlers): () => void {
  const source = new EventSource(url);
  source.onopen = () => handlers.onOpen();
  source.onmessage = (event) => handlers.onChange(String(event.data));
  source.onerror = () => handlers.onError();
  return () => source.close();
}
