import type { Output } from '../io.ts';
import { type Paint, painter, plainLine } from './paint.ts';
import { type Cell, renderTable } from './table.ts';

/** What a cell may depend on besides its item. */
export interface View {
  readonly nowMs: number;
  /** A terminal: symbols beside states. */
  readonly symbols: boolean;
}

export interface Column<T> {
  readonly head: string;
  readonly cell: (item: T, view: View) => Cell | string;
}

/** Lines of a single thing: a label and a value; lines without a value are left out. */
export type Field = readonly [label: string, value: Cell | string | undefined];

/** Where commands put what they have to say. Results go to standard output, everything else to standard error. */
export interface Printer {
  readonly view: View;
  /** Many things: a table, or one document `{items, next}` as the API gives it. `whenEmpty` says how to get a first one. */
  list<T>(items: readonly T[], columns: readonly Column<T>[], whenEmpty: string): void;
  /** One thing. */
  record(document: unknown, fields: readonly Field[]): void;
  /** What was done, in a sentence; with `--json` the thing as it is now. */
  done(document: unknown, sentence: string): void;
  /** A value that a script may want alone on standard output (a token, a link), with words for people beside it. */
  value(document: unknown, value: string, words: string): void;
  /** Words beside the result; never with `--json`. */
  note(words: string): void;
}

export interface PrinterOptions {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly json: boolean;
  readonly color: boolean;
  readonly nowMs: number;
}

export function createPrinter(options: PrinterOptions): Printer {
  const { stdout, stderr, json } = options;
  const terminal = stdout.isTTY === true;
  const view: View = { nowMs: options.nowMs, symbols: terminal };
  const paint = painter(options.color);
  const style = { paint, width: terminal ? stdout.columns || 80 : undefined };
  const line = (text: string) => void stdout.write(`${text}\n`);
  // Laid out for a person, in one line for a program.
  const document = (value: unknown) => line(JSON.stringify(value, null, terminal ? 2 : 0));
  const note = (words: string) => {
    if (!json) stderr.write(`${words}\n`);
  };
  return {
    view,
    note,
    list(items, columns, whenEmpty) {
      if (json) return document({ items, next: null });
      if (items.length === 0) return note(whenEmpty);
      const rows = items.map((item) => columns.map((column) => asCell(column.cell(item, view))));
      const heads = columns.map((column) => column.head);
      return line(renderTable(heads, rows, style));
    },
    record: (value, fields) => (json ? document(value) : line(renderFields(fields, paint))),
    done: (value, sentence) => (json ? document(value) : line(plainLine(sentence))),
    value(value, text, words) {
      if (json) return document(value);
      note(words);
      return line(plainLine(text));
    },
  };
}

const asCell = (cell: Cell | string): Cell => (typeof cell === 'string' ? { text: cell } : cell);

/** Never wrapped by us: links and commands are there to be copied as they are. */
function renderFields(fields: readonly Field[], paint: Paint): string {
  const rows = fields.flatMap(([label, value]) =>
    value === undefined ? [] : [[{ text: label, color: 'dim' } as const, asCell(value)]],
  );
  return renderTable(['', ''], rows, { paint, width: undefined });
}
