import type { PlcNode } from '@planetlab/contract';
import { DAY_MS, formatTime, RUN_LEVELS, RunLevel } from '@planetlab/model';
import { Argument, type Command, Option } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { duration, instant } from '../options.ts';
import type { Column } from '../output/printer.ts';
import { relativeTime } from '../output/times.ts';
import { withClient } from '../session/client.ts';
import { usageError } from '../usage.ts';

/** What people decide about a node: `pl node run-level`, `drain`, `quarantine`, and back. */
export function registerNodeService(node: Command, io: Io): void {
  registerRunLevel(node, io);
  registerDrain(node, io);
  registerQuarantine(node, io);
  registerReboot(node, io);
  registerWhose(node, io);
}

function registerRunLevel(node: Command, io: Io): void {
  leaf(
    node
      .command('run-level <name>')
      .addArgument(new Argument('[level]', 'the new one; without, the one it has is shown').choices(RunLevel.options))
      .option('--reason <text>', 'why, for all whom it concerns'),
    io,
    {
      summary: 'the run level of a node; only at boot its slivers run',
      example: 'pl node run-level planetlab1.eth safeboot --reason "A new disk"',
    },
    (invocation, name: string, level: RunLevel | undefined, { reason }: { reason?: string }) =>
      withClient(invocation, async ({ client }) => {
        const params = { node: name };
        const found =
          level === undefined
            ? await client.getNode({ params })
            : await client.setRunLevel({ params, body: { runLevel: level, reason } });
        const { runLevel } = found;
        invocation.print.done(found, `Node ${name} is at run level ${runLevel}: ${RUN_LEVELS[runLevel].meaning}.`);
      }),
  );
}

function registerDrain(node: Command, io: Io): void {
  leaf(
    node.command('drain <name>').requiredOption('--reason <text>', 'why, for all whom it concerns'),
    io,
    {
      summary: 'let a node run empty: no new slivers; slices with a selector move, people of others are told',
      example: 'pl node drain planetlab1.eth --reason "It moves to another room on Friday"',
    },
    (invocation, name: string, { reason }: { reason: string }) =>
      withClient(invocation, async ({ client }) => {
        const found = await client.drainNode({ params: { node: name }, body: { reason } });
        invocation.print.done(found, `Node ${name} takes no new slivers, and is to run empty.`);
        invocation.print.note(`Take it back with: pl node undrain ${name}`);
      }),
  );
  leaf(
    node.command('undrain <name>'),
    io,
    { summary: 'let a node take new slivers again', example: 'pl node undrain planetlab1.eth' },
    (invocation, name: string) =>
      withClient(invocation, async ({ client }) => {
        const found = await client.undrainNode({ params: { node: name } });
        invocation.print.done(found, `Node ${name} takes new slivers.`);
      }),
  );
}

function registerQuarantine(node: Command, io: Io): void {
  leaf(
    node.command('quarantine <name>').requiredOption('--reason <text>', 'why, for all whom it concerns'),
    io,
    {
      summary: 'stop all slivers of a node, with their disks kept, and make no new ones',
      example: 'pl node quarantine planetlab1.eth --reason "It scans its neighbours"',
    },
    (invocation, name: string, { reason }: { reason: string }) =>
      withClient(invocation, async ({ client }) => {
        const found = await client.quarantineNode({ params: { node: name }, body: { reason } });
        invocation.print.done(found, `Node ${name} is in quarantine; its slivers are stopped and keep their disks.`);
        invocation.print.note(`Take it out with: pl node end-quarantine ${name}`);
      }),
  );
  leaf(
    node.command('end-quarantine <name>'),
    io,
    { summary: 'take a node out of quarantine', example: 'pl node end-quarantine planetlab1.eth' },
    (invocation, name: string) =>
      withClient(invocation, async ({ client }) => {
        const found = await client.endQuarantine({ params: { node: name } });
        invocation.print.done(found, `Node ${name} is out of quarantine; its slivers run again.`);
      }),
  );
}

interface RebootOptions {
  readonly reason?: string;
  readonly now?: true;
  readonly within: number;
  readonly cancel?: true;
}

function registerReboot(node: Command, io: Io): void {
  leaf(
    node
      .command('reboot <name>')
      .option('--reason <text>', 'why, for all whom it concerns')
      .option('--now', 'at once; otherwise the node is drained first, and rebooted when it is empty')
      .addOption(
        new Option('--within <time>', 'rebooted after this time whatever is on it, unless it is empty before')
          .argParser(duration)
          .default(DAY_MS, 'a day'),
      )
      .option('--cancel', 'take it back; possible until the node was told'),
    io,
    {
      summary: 'have the machine rebooted, where its owner allows it',
      example: 'pl node reboot planetlab1.eth --reason "A new kernel" --now',
    },
    (invocation, name: string, { reason, now, within, cancel }: RebootOptions) => {
      const params = { node: name };
      if (cancel === undefined && reason === undefined) throw usageError('Say why, with --reason.');
      return withClient(invocation, async ({ client }) => {
        if (cancel === true) {
          return invocation.print.done(await client.cancelReboot({ params }), `Node ${name} is not to be rebooted.`);
        }
        const body = { reason: reason ?? '', now: now === true, withinSeconds: Math.ceil(within / 1000) };
        const found = await client.rebootNode({ params, body });
        invocation.print.done(found, rebootLine(found));
        invocation.print.note(`How far it is: pl node show ${name} --why`);
      });
    },
  );
}

function rebootLine({ name, reboot, slivers }: PlcNode): string {
  if (reboot?.askedAt != null) return `Node ${name} is rebooting.`;
  if (reboot?.dueAt != null && slivers > 0) {
    const there = slivers === 1 ? 'the one that is there has' : `the ${slivers} that are there have`;
    return `Node ${name} takes no new slivers, and is rebooted when ${there} left, at ${formatTime(reboot.dueAt)} at the latest.`;
  }
  return `Node ${name} is rebooted as soon as it can be told.`;
}

type Attributed = { readonly slice: string; readonly persons: readonly string[]; readonly url: string } & {
  readonly from: string;
  readonly until: string | null;
};

const COLUMNS: readonly Column<Attributed>[] = [
  { head: 'SLICE', cell: ({ slice }) => slice },
  { head: 'PERSONS', cell: ({ persons }) => persons.join(', ') },
  { head: 'FROM', cell: ({ from }, view) => relativeTime(from, view.nowMs) },
  { head: 'UNTIL', cell: ({ until }, view) => (until === null ? 'still there' : relativeTime(until, view.nowMs)) },
  { head: 'URL', cell: ({ url }) => (url === '' ? '-' : url) },
];

function registerWhose(node: Command, io: Io): void {
  leaf(
    node
      .command('whose <name>')
      .requiredOption('--at <time>', 'such as 2026-12-24T18:00Z', instant)
      .option('--address <address>', 'only slivers under this address'),
    io,
    {
      summary: 'which slices were on a node at a time, and whose; of deleted slices too',
      example: 'pl node whose planetlab1.eth --at 2026-12-24T18:00Z',
    },
    (invocation, name: string, { at, address }: { at: string; address?: string }) =>
      withClient(invocation, async ({ client }) => {
        const { items } = await client.attribute({ query: { node: name, at, address } });
        invocation.print.list(items, COLUMNS, `There was no sliver on ${name} at that time.`);
      }),
  );
}

/** Why a node is not in service, or that it is, in a sentence. */
export function whyLine({ name, reason, facts, slivers }: PlcNode): string {
  if (reason !== null) return reason.message;
  if (facts === null) return `${name} is connected; it has not said yet what it has.`;
  const left = facts.capacity.memoryMiB - facts.leased.memoryMiB;
  const room = left < ORDINARY_MIB ? `It is full: ${left} MiB of memory are left.` : `${left} MiB of memory are left.`;
  return `${name} is in service with ${slivers} slivers. ${room}`;
}

/** What an ordinary sliver takes. */
const ORDINARY_MIB = 256;
