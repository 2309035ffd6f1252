import { formatDuration, fromInstant } from '@planetlab/model';

/** Aligned columns without borders. Words from elsewhere cannot move the cursor or change colours. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [head, ...rows.map((row) => row.map(plain))];
  const widths = head.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export const plain = (text: string): string => text.replaceAll(/\p{Cc}/gu, ' ');

export const ago = (instant: string, nowMs: number): string =>
  `${formatDuration(Math.max(1000, nowMs - fromInstant(instant)))} ago`;

export function until(instant: string, nowMs: number): string {
  const leftMs = fromInstant(instant) - nowMs;
  return leftMs > 0 ? `in ${formatDuration(Math.max(1000, leftMs))}` : 'over';
}
