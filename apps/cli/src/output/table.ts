import Table from 'cli-table3';
import { type Color, type Paint, plainLine } from './paint.ts';

export interface Cell {
  readonly text: string;
  readonly color?: Color | undefined;
}

export interface TableStyle {
  readonly paint: Paint;
  /** Width of the terminal; undefined when there is none, and then nothing is wrapped. */
  readonly width: number | undefined;
}

const BORDERLESS = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '', middle: '  ' },
};
const GAP = 2;
const NARROWEST_LAST_COLUMN = 20;

/** Aligned columns without borders. On a terminal the last column, where reasons stand, is wrapped at its edge. */
export function renderTable(head: readonly string[], rows: readonly (readonly Cell[])[], style: TableStyle): string {
  const body = rows.map((row) => row.map((cell) => ({ ...cell, text: plainLine(cell.text) })));
  const widths = head.map((title, column) =>
    Math.max(title.length, ...body.map((row) => row[column]?.text.length ?? 0)),
  );
  const longestWord = Math.max(
    0,
    ...body.flatMap((row) => row.at(-1)?.text.split(' ') ?? []).map((word) => word.length),
  );
  const table = new Table({
    chars: BORDERLESS,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [] },
    wordWrap: true,
    colWidths: fitted(widths, longestWord, style.width),
  });
  if (head.some((title) => title !== '')) table.push(head.map((title) => style.paint('dim', title)));
  for (const row of body) table.push(row.map((cell) => style.paint(cell.color, cell.text)));
  return trimLines(table.toString());
}

/** Widths of the columns, the last one narrowed to what the terminal has left, but never so that a word is cut. */
function fitted(widths: readonly number[], longestWord: number, terminalWidth: number | undefined): number[] {
  if (terminalWidth === undefined) return [...widths];
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + GAP, 0);
  const last = Math.max(NARROWEST_LAST_COLUMN, longestWord, terminalWidth - before - 1);
  return widths.map((width, column) => (column === widths.length - 1 ? Math.min(width, last) : width));
}

const trimLines = (text: string): string =>
  text
    .split('\n')
    .map((line) => line.trimEnd())
    .join('\n');
