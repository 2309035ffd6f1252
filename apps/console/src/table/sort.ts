export type SortValue = string | number | null;
export interface SortOrder {
  readonly column: string;
  readonly descending: boolean;
}

/** Sorted copy; rows without a value come last in either direction, equal rows stay in their order. */
export function sorted<Row>(rows: readonly Row[], value: (row: Row) => SortValue, descending: boolean): readonly Row[] {
  const direction = descending ? -1 : 1;
  return rows
    .map((row) => ({ row, value: value(row) }))
    .sort((a, b) => {
      if (a.value === null || b.value === null) return Number(a.value === null) - Number(b.value === null);
      return direction * compare(a.value, b.value);
    })
    .map(({ row }) => row);
}

function compare(a: string | number, b: string | number): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  return collator.compare(String(a), String(b));
}

/** `node2` before `node10`. */
const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

export const nextOrder = (order: SortOrder, column: string): SortOrder =>
  order.column === column ? { column, descending: !order.descending } : { column, descending: false };
