import type { Person, RoleAt } from '@planetlab/contract';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { roles } from '../options-roles.ts';
import { personFields, rolesText } from '../output/persons.ts';
import type { Column } from '../output/printer.ts';
import type { Register } from '../program.ts';
import { allPages, withClient } from '../session/client.ts';
import { registerAccess, registerAddress, registerComing } from './person-access.ts';

const COLUMNS: readonly Column<Person>[] = [
  { head: 'PERSON', cell: (person) => person.email },
  { head: 'NAME', cell: (person) => person.name },
  {
    head: 'ACCOUNT',
    cell: (person) => (person.enabled ? { text: 'enabled', color: 'green' } : { text: 'disabled', color: 'red' }),
  },
  { head: 'ROLES', cell: rolesText },
];

export const register: Register = (person, io) => {
  registerCreate(person, io);
  leaf(person.command('list'), io, { summary: 'people you may see', example: 'pl person list' }, (invocation) =>
    withClient(invocation, async ({ client }) => {
      const persons = await allPages((after) => client.listPersons({ query: { after } }));
      invocation.print.list(persons, COLUMNS, 'There is nobody. Register somebody with `pl person create`.');
    }),
  );
  leaf(
    person.command('show <email>'),
    io,
    { summary: 'one person', example: 'pl person show ada@example.org' },
    (invocation, email: string) =>
      withClient(invocation, async ({ client }) => {
        const found = await client.getPerson({ params: { person: email } });
        invocation.print.record(found, personFields(found, invocation.print.view));
      }),
  );
  registerComing(person, io);
  registerAccess(person, io);
  registerAddress(person, io);
};

function registerCreate(person: Command, io: Io): void {
  leaf(
    person
      .command('create <email>')
      .requiredOption('--name <name>', 'full name')
      .option('--role <role@site...>', 'a role at a site: pi, user or tech; or `admin` alone', roles),
    io,
    {
      summary: 'register a person',
      example: 'pl person create ada@example.org --name "Ada Lovelace" --role pi@princeton',
    },
    (invocation, email: string, options: { name: string; role?: RoleAt[] }) =>
      withClient(invocation, async ({ client }) => {
        const made = await client.createPerson({ body: { email, name: options.name, roles: options.role ?? [] } });
        invocation.print.done(made, `${made.email} is registered as ${rolesText(made)}.`);
      }),
  );
}
