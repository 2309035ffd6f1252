import type { OutboxMail } from '@planetlab/contract';
import { PlanetLabError } from '@planetlab/model';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { wholeNumber } from '../options.ts';
import type { Column } from '../output/printer.ts';
import type { Cell } from '../output/table.ts';
import { relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { allPages, withClient } from '../session/client.ts';

const COLORS = { sent: 'green', queued: 'yellow', failed: 'red' } as const;
const stateCell = ({ state }: OutboxMail): Cell => ({ text: state, color: COLORS[state] });

const COLUMNS: readonly Column<OutboxMail>[] = [
  { head: 'ID', cell: (mail) => mail.id },
  { head: 'WHEN', cell: (mail, view) => relativeTime(mail.at, view.nowMs) },
  { head: 'STATE', cell: stateCell },
  { head: 'TO', cell: (mail) => mail.to },
  { head: 'SUBJECT', cell: (mail) => mail.subject },
];

export const register: Register = (mail, io) => {
  leaf(
    mail.command('list').option('--limit <number>', 'how many', wholeNumber, 50),
    io,
    { summary: 'the outbox, newest first (admins)', example: 'pl mail list' },
    (invocation, options: { limit: number }) =>
      withClient(invocation, async ({ client }) => {
        const { items } = await client.listMails({ query: { limit: options.limit } });
        invocation.print.list(items, COLUMNS, 'No mail was written.');
      }),
  );
  registerShow(mail, io);
};

function registerShow(mail: Parameters<Register>[0], io: Io): void {
  leaf(
    mail.command('show <id>'),
    io,
    {
      summary: 'a mail that waits, with its text, to pass it on by hand (admins)',
      example: 'pl mail show 0198f1c2-7a5e-7000-8000-000000000000',
    },
    (invocation, id: string) =>
      withClient(invocation, async ({ client }) => {
        const mails = await allPages((after) => client.listMails({ query: { after, limit: 1000 } }));
        const found = mails.find((one) => one.id === id);
        if (found === undefined) throw new PlanetLabError('unknown_key', `There is no mail ${id} in the outbox.`);
        const { nowMs } = invocation.print.view;
        invocation.print.record(found, [
          ['To', found.to],
          ['Subject', found.subject],
          ['Written', relativeTime(found.at, nowMs)],
          ['State', stateCell(found)],
          ['Attempts', String(found.attempts)],
          ['Last error', found.lastError ?? undefined],
        ]);
        if (!invocation.json)
          io.stdout.write(`\n${found.text ?? '(The text is forgotten once a mail was sent or given up.)\n'}`);
      }),
  );
}
