import { type ApiToken, TokenScope } from '@planetlab/contract';
import { toInstant } from '@planetlab/model';
import { type Command, Option } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { duration } from '../options.ts';
import type { Column } from '../output/printer.ts';
import { relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { allPages, withClient } from '../session/client.ts';

const COLUMNS: readonly Column<ApiToken>[] = [
  { head: 'ID', cell: (token) => token.id },
  { head: 'ENDS', cell: (token, view) => relativeTime(token.expiresAt, view.nowMs) },
  {
    head: 'LAST USED',
    cell: (token, view) => (token.lastUsedAt === null ? 'never' : relativeTime(token.lastUsedAt, view.nowMs)),
  },
  { head: 'FOR', cell: (token) => token.scopes.join(', ') },
  { head: 'LABEL', cell: (token) => token.label },
];

export const register: Register = (token, io) => {
  registerCreate(token, io);
  leaf(token.command('list'), io, { summary: 'your API tokens', example: 'pl token list' }, (invocation) =>
    withClient(invocation, async ({ client }) => {
      const items = await allPages((after) => client.listTokens({ query: { after } }));
      invocation.print.list(items, COLUMNS, 'You have no API tokens. Make one with `pl token create LABEL`.');
    }),
  );
  leaf(
    token.command('remove <id>'),
    io,
    { summary: 'revoke an API token', example: 'pl token remove 0198f1c2-7a5e-7000-8000-000000000000' },
    (invocation, id: string) =>
      withClient(invocation, async ({ client }) => {
        await client.deleteToken({ params: { token: id } });
        invocation.print.done({}, `Token ${id} no longer works.`);
      }),
  );
};

function registerCreate(token: Command, io: Io): void {
  leaf(
    token
      .command('create <label>')
      .option('--for <time>', 'how long it works, such as 4w', duration)
      .option('--person <email>', 'for somebody else (admins)')
      .addOption(
        new Option('--scope <scope...>', 'what it may be used for; every token reads')
          .choices(TokenScope.options)
          .default(['all']),
      ),
    io,
    { summary: 'make an API token; it is shown this once', example: 'pl token create ci --for 4w > token' },
    (invocation, label: string, options: { for?: number; person?: string; scope: TokenScope[] }) =>
      withClient(invocation, async ({ client }) => {
        const made = await client.createToken({
          body: {
            label,
            scopes: options.scope,
            ...(options.for === undefined ? {} : { expiresAt: toInstant(io.now() + options.for) }),
            ...(options.person === undefined ? {} : { person: options.person }),
          },
        });
        const ends = relativeTime(made.expiresAt, invocation.print.view.nowMs);
        invocation.print.value(made, made.token, `Token ${made.label} ends ${ends}. It is shown only this once:`);
      }),
  );
}
