import { type KillSwitch, KillSwitchKind } from '@planetlab/contract';
import { Argument, type Command } from 'commander';
import { leaf } from '../leaf.ts';
import type { Column } from '../output/printer.ts';
import { relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { allPages, withClient } from '../session/client.ts';

const COLUMNS: readonly Column<KillSwitch>[] = [
  { head: 'KIND', cell: ({ kind }) => kind },
  { head: 'NAME', cell: ({ name }) => name },
  { head: 'SINCE', cell: ({ at }, { nowMs }) => relativeTime(at, nowMs) },
  { head: 'BY', cell: ({ by }) => by },
  { head: 'REASON', cell: ({ reason }) => reason },
];

const onOne = (command: Command): Command =>
  command
    .addArgument(new Argument('<kind>', 'what it is').choices(KillSwitchKind.options))
    .argument('<name>', 'its name, or a mail address');

export const register: Register = (command, io) => {
  leaf(
    command.command('list'),
    io,
    { summary: 'what is stopped, and why', example: 'pl kill-switch list' },
    (invocation) =>
      withClient(invocation, async ({ client }) => {
        const items = await allPages((after) => client.listKillSwitches({ query: { after } }));
        invocation.print.list(items, COLUMNS, 'Nothing is stopped.');
      }),
  );
  leaf(
    onOne(command.command('pull')).requiredOption('--reason <sentence>', 'why; its people read it'),
    io,
    {
      summary: 'stop a slice, a person or a site at once; disks stay',
      example: 'pl kill-switch pull slice princeton_codeen --reason "It scans other networks"',
    },
    (invocation, kind: KillSwitchKind, name: string, { reason }: { reason: string }) =>
      withClient(invocation, async ({ client }) => {
        const pulled = await client.stop({ params: { kind, name }, body: { reason } });
        invocation.print.done(pulled, `The ${kind} ${name} is stopped.`);
      }),
  );
  leaf(
    onOne(command.command('lift')),
    io,
    { summary: 'let it go on', example: 'pl kill-switch lift slice princeton_codeen' },
    (invocation, kind: KillSwitchKind, name: string) =>
      withClient(invocation, async ({ client }) => {
        await client.liftStop({ params: { kind, name } });
        invocation.print.done({}, `The ${kind} ${name} goes on.`);
      }),
  );
};
