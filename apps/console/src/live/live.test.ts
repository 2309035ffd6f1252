import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { keepWatching, type LiveStatus, reconnectPauseMs, type WatchOptions } from './keep-watching.ts';
import { Refresher } from './refresher.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe('keepWatching', () => {
  const watch = () => {
    const streams: { handlers: Parameters<WatchOptions['open']>[0]; closed: boolean }[] = [];
    const statuses: LiveStatus[] = [];
    const changes: string[] = [];
    const stop = keepWatching({
      open: (handlers) => {
        const stream = { handlers, closed: false };
        streams.push(stream);
        return () => {
          stream.closed = true;
        };
      },
      onStatus: (status) => statuses.push(status),
      onChange: (data) => changes.push(data),
      random: () => 0.999,
    });
    return { streams, statuses, changes, stop };
  };

  it('is live once its stream opens, and hands on changes', () => {
    const { streams, statuses, changes } = watch();
    streams[0]?.handlers.onOpen();
    streams[0]?.handlers.onChange('{}');
    expect(statuses).toEqual(['connecting', 'live']);
    expect(changes).toEqual(['{}']);
  });

  it('opens a new stream after a loss and is live again', async () => {
    const { streams, statuses } = watch();
    streams[0]?.handlers.onOpen();
    streams[0]?.handlers.onError();
    streams[0]?.handlers.onError();
    expect(streams[0]?.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(1000);
    expect(streams).toHaveLength(2);
    streams[1]?.handlers.onOpen();
    expect(statuses).toEqual(['connecting', 'live', 'reconnecting', 'live']);
  });

  it('opens nothing more once stopped', async () => {
    const { streams, stop } = watch();
    streams[0]?.handlers.onError();
    stop();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(streams).toHaveLength(1);
  });

  it('pauses longer with each failure, up to ten seconds', () => {
    expect([0, 1, 2, 3, 4, 400].map((attempt) => reconnectPauseMs(attempt, 0))).toEqual([
      500, 1000, 2000, 4000, 5000, 5000,
    ]);
    expect(reconnectPauseMs(9, 0.999)).toBeLessThan(10_000);
  });
});

describe('Refresher', () => {
  it('reads a burst of changes once', async () => {
    const readings: string[][] = [];
    const refresher = new Refresher<string>(async (keys) => void readings.push([...keys]), 100);
    refresher.note(['nodes']);
    refresher.note(['slices', 'nodes']);
    await vi.advanceTimersByTimeAsync(100);
    expect(readings).toEqual([['nodes', 'slices']]);
  });

  it('reads again what changed during a reading, and never twice at once', async () => {
    const readings: (() => void)[] = [];
    const refresher = new Refresher<string>(() => new Promise((resolve) => readings.push(resolve)), 100);
    refresher.note(['nodes']);
    await vi.advanceTimersByTimeAsync(100);
    refresher.note(['nodes']);
    await vi.advanceTimersByTimeAsync(1000);
    expect(readings).toHaveLength(1);
    readings[0]?.();
    await vi.advanceTimersByTimeAsync(100);
    expect(readings).toHaveLength(2);
  });

  it('reads nothing after it was stopped', async () => {
    const readings: unknown[] = [];
    const refresher = new Refresher<string>(async (keys) => void readings.push(keys), 100);
    refresher.note(['nodes']);
    refresher.stop();
    await vi.advanceTimersByTimeAsync(1000);
    expect(readings).toEqual([]);
  });
});
