import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { withClient } from '../session/client.ts';

export function registerSlicePersons(slice: Command, io: Io): void {
  leaf(
    slice.command('add-person <name> <email>'),
    io,
    { summary: 'let a person use a slice', example: 'pl slice add-person princeton_codeen ada@example.org' },
    (invocation, name: string, email: string) =>
      withClient(invocation, async ({ client }) => {
        const changed = await client.addPersonToSlice({ params: { slice: name, person: email } });
        invocation.print.done(changed, `${email} may use ${changed.name}.`);
      }),
  );
  leaf(
    slice.command('remove-person <name> <email>'),
    io,
    { summary: 'take a person off a slice', example: 'pl slice remove-person princeton_codeen ada@example.org' },
    (invocation, name: string, email: string) =>
      withClient(invocation, async ({ client }) => {
        const changed = await client.removePersonFromSlice({ params: { slice: name, person: email } });
        invocation.print.done(changed, `${email} may no longer use ${changed.name}.`);
      }),
  );
}
