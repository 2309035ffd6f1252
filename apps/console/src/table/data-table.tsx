import { type KeyboardEvent, type ReactNode, useMemo, useState } from 'react';
import { matches } from './filter.ts';
import { nextOrder, type SortOrder, type SortValue, sorted } from './sort.ts';

export interface Column<Row> {
  readonly key: string;
  readonly title: string;
  readonly value: (row: Row) => SortValue;
  readonly cell: (row: Row) => ReactNode;
  readonly align?: 'end';
  /** The cell that names the row. */
  readonly heading?: true;
}

interface DataTableProps<Row> {
  readonly caption: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly keyOf: (row: Row) => string;
  /** What the filter searches. */
  readonly textOf: (row: Row) => string;
  readonly filter: string;
  readonly firstOrder: SortOrder;
  readonly selected: string | null;
  readonly onSelect: (key: string) => void;
  /** Shown when there is nothing at all. */
  readonly empty: ReactNode;
}

const ROWS_AT_FIRST = 200;

/** A table that is sorted by its headings, filtered from outside, and walked with the arrow keys. */
export function DataTable<Row>(props: DataTableProps<Row>) {
  const { caption, columns, rows, keyOf, textOf, filter, selected, onSelect, empty } = props;
  const [order, setOrder] = useState(props.firstOrder);
  const [limit, setLimit] = useState(ROWS_AT_FIRST);
  const [active, setActive] = useState<string | null>(null);
  const shown = useMemo(() => {
    const column = columns.find(({ key }) => key === order.column);
    const found = rows.filter((row) => matches(filter, textOf(row)));
    return column === undefined ? found : sorted(found, column.value, order.descending);
  }, [rows, columns, filter, textOf, order]);
  if (rows.length === 0) return <div className="pl-empty">{empty}</div>;
  if (shown.length === 0) {
    return <div className="pl-empty">Nothing here matches “{filter}”. Esc in the filter shows all of it again.</div>;
  }
  const page = shown.slice(0, limit);
  const stop = tabStopOf(page.map(keyOf), active, selected);
  return (
    <div className="pl-table-box">
      <table className="pl-table">
        <caption className="pl-hidden">{caption}</caption>
        <Headings columns={columns} order={order} onOrder={(key) => setOrder(nextOrder(order, key))} />
        <tbody onKeyDown={(event) => walkRows(event, onSelect)}>
          {page.map((row) => {
            const key = keyOf(row);
            return (
              <tr
                key={key}
                data-key={key}
                tabIndex={key === stop ? 0 : -1}
                aria-current={key === selected ? 'true' : undefined}
                onFocus={() => setActive(key)}
                onClick={(event) => !isTextSelected(event.currentTarget) && onSelect(key)}
              >
                {columns.map((column) => (
                  <Cell key={column.key} column={column} row={row} />
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
      {shown.length > limit && (
        <button type="button" className="pl-more" onClick={() => setLimit(shown.length)}>
          Show the other {shown.length - limit}
        </button>
      )}
    </div>
  );
}

interface HeadingsProps<Row> {
  readonly columns: readonly Column<Row>[];
  readonly order: SortOrder;
  readonly onOrder: (column: string) => void;
}

function Headings<Row>({ columns, order, onOrder }: HeadingsProps<Row>) {
  const direction = (key: string) => (order.column !== key ? 'none' : order.descending ? 'descending' : 'ascending');
  return (
    <thead>
      <tr>
        {columns.map(({ key, title, align }) => (
          <th key={key} scope="col" data-align={align} aria-sort={direction(key)}>
            <button type="button" onClick={() => onOrder(key)}>
              {title}
              <span aria-hidden="true" className="pl-sort">
                {order.column === key && (order.descending ? '↓' : '↑')}
              </span>
            </button>
          </th>
        ))}
      </tr>
    </thead>
  );
}

function Cell<Row>({ column, row }: { readonly column: Column<Row>; readonly row: Row }) {
  const content = column.cell(row);
  // On a narrow screen rows become cards, and each value carries its heading.
  return column.heading === true ? (
    <th scope="row" data-align={column.align}>
      {content}
    </th>
  ) : (
    <td data-align={column.align} data-title={column.title}>
      {content}
    </td>
  );
}

/** One row is reached by Tab, the others from it: the last one that was in focus, else the selected, else the first. */
function tabStopOf(keys: readonly string[], active: string | null, selected: string | null): string | undefined {
  if (active !== null && keys.includes(active)) return active;
  if (selected !== null && keys.includes(selected)) return selected;
  return keys[0];
}

function walkRows(event: KeyboardEvent<HTMLTableSectionElement>, onSelect: (key: string) => void): void {
  const row = event.target;
  if (!(row instanceof HTMLTableRowElement)) return; // a button within a row has keys of its own
  const rows = [...event.currentTarget.rows];
  const index = rows.indexOf(row);
  const target: Partial<Record<string, HTMLTableRowElement | undefined>> = {
    ArrowDown: rows[index + 1],
    ArrowUp: rows[index - 1],
    Home: rows[0],
    End: rows.at(-1),
  };
  if (event.key === 'Enter' || event.key === ' ') onSelect(row.dataset['key'] ?? '');
  else if (!(event.key in target)) return;
  event.preventDefault();
  target[event.key]?.focus();
}

/** Somebody who marks an address to copy it does not mean to select the row. */
const isTextSelected = (row: HTMLElement): boolean => {
  const selection = window.getSelection();
  return selection !== null && !selection.isCollapsed && row.contains(selection.anchorNode);
};
