import type { Person } from '@planetlab/contract';
import { StateMark } from '../parts/state-mark.tsx';
import { type Column, DataTable } from '../table/data-table.tsx';
import { rolesText } from './standing.ts';

const COLUMNS: readonly Column<Person>[] = [
  { key: 'name', title: 'Name', heading: true, value: ({ name }) => name, cell: ({ name }) => name },
  { key: 'email', title: 'Mail address', value: ({ email }) => email, cell: ({ email }) => email },
  { key: 'roles', title: 'Roles', value: rolesText, cell: rolesText },
  {
    key: 'enabled',
    title: 'Account',
    value: ({ enabled }) => (enabled ? 'enabled' : 'disabled'),
    cell: ({ enabled }) => <StateMark tone={enabled ? 'good' : 'off'}>{enabled ? 'enabled' : 'disabled'}</StateMark>,
  },
];

interface PeopleTableProps {
  readonly persons: readonly Person[];
  readonly filter: string;
  readonly selected: string | null;
  readonly onSelect: (email: string) => void;
}

export const PeopleTable = ({ persons, filter, selected, onSelect }: PeopleTableProps) => (
  <DataTable
    caption="People"
    columns={COLUMNS}
    rows={persons}
    keyOf={({ email }) => email}
    textOf={(person) => `${person.name} ${person.email} ${rolesText(person)}`}
    filter={filter}
    firstOrder={{ column: 'name', descending: false }}
    selected={selected}
    onSelect={onSelect}
    empty="There is nobody that you may see."
  />
);
