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

export const round = (value: number, digits = 1): number => Number(value.toFixed(digits));
