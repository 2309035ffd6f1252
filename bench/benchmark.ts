/** One measured question. Its figures are the keys that the JSON line carries; null is one that could not be measured. */
export interface Benchmark {
  readonly question: string;
  run(context: {
    readonly note: (line: string) => void;
    readonly signal: AbortSignal;
    /** How large, where a benchmark can be made smaller: `--nodes`, `--slices`. */
    readonly nodes?: number | undefined;
    readonly slices?: number | undefined;
  }): Promise<Readonly<Record<string, number | string | null>>>;
}

/** The middle of the values, which a noisy machine moves least. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

/** By nearest rank: the smallest value that is not below so many per cent of all of them. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

/** How long it takes, in milliseconds, so many times one after another. */
export async function timesOf(count: number, work: () => Promise<unknown>): Promise<readonly number[]> {
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const startMs = performance.now();
    await work();
    times.push(performance.now() - startMs);
  }
  return times;
}

export const round = (value: number, digits = 1): number => Number(value.toFixed(digits));
