import type { AdminSliver, AdminStatus, StepRecord } from '@planetlab/contract';
import { formatMiB, PlanetLabError } from '@planetlab/model';
import type { LocalStatus } from '@planetlab/node-manager';
import type { Command } from 'commander';
import { example, JSON_OUTPUT, STATE, type StateOptions } from '../options.ts';
import { print } from '../output.ts';
import { ago, plain, table, until } from '../table.ts';

/** Between the two looks from which the use of the processor is told. */
const CPU_WINDOW_MS = 500;

interface StepOptions extends StateOptions {
  readonly limit: string;
}

/** What the administrator of the machine sees. */
export function registerLook(program: Command): void {
  program
    .command('status')
    .description('how this node is doing')
    .option(...STATE)
    .option(...JSON_OUTPUT)
    .addHelpText('after', example('pl-node status'))
    .action(status);

  program
    .command('slivers')
    .description('every sliver: its people, who leased it, until when, how it is doing, what it uses')
    .option(...STATE)
    .option(...JSON_OUTPUT)
    .addHelpText('after', example('pl-node slivers'))
    .action(slivers);

  program
    .command('steps')
    .description('what the node has done, newest last')
    .argument('[slice]', 'of this slice only')
    .option('--limit <n>', 'at most so many', '50')
    .option(...STATE)
    .option(...JSON_OUTPUT)
    .addHelpText('after', example('pl-node steps princeton_codeen --limit 20'))
    .action(steps);

  program
    .command('logs')
    .description('where the words of the node manager are')
    .option(...STATE)
    .addHelpText('after', example('pl-node logs'))
    .action(async ({ state }: StateOptions) => {
      const { logCommand } = await import('../service.ts');
      const command = logCommand(state);
      const words =
        command === undefined
          ? `The manager of ${state} writes its log, one JSON object a line, to the standard output of: pl-node run`
          : `Follow the log with: ${command}`;
      process.stdout.write(`${words}\nWhat was done to slivers: pl-node steps\n`);
    });
}

async function status({ state, json }: StateOptions): Promise<void> {
  const { adminClient, localStatus } = await import('@planetlab/node-manager');
  const known = localStatus(state);
  const admin = adminClient(state);
  const live = admin === undefined ? undefined : await admin.getStatus({});
  print(json, { ...known, live: live ?? null }, live === undefined ? offlineWords(known) : liveWords(live, known));
}

function liveWords(live: AdminStatus, { managerPid }: LocalStatus): string {
  const now = Date.now();
  const { uplink, slivers, drain } = live;
  const link = uplink.reason === null ? uplink.state : `${uplink.state} (${uplink.reason})`;
  return [
    `${live.name}: manager ${live.version} running (process ${managerPid}), started ${ago(live.startedAt, now)}`,
    `authority   ${live.authority} at ${live.plcAddress}: ${plain(link)}`,
    `slivers     ${slivers.running} running, ${slivers.others} not (pl-node slivers)`,
    `machines    ${live.vmm.detail}${live.vmm.simulated ? ', only simulated' : ''}`,
    ...(drain === null
      ? []
      : [`drained     since ${drain.at}${drain.reason === null ? '' : `: ${plain(drain.reason)}`}`]),
    ...(live.bans === 0 ? [] : [`bans        ${live.bans} (pl-node bans)`]),
    ...(live.stopped === 0 ? [] : [`stopped     ${live.stopped} by the administrator`]),
  ].join('\n');
}

function offlineWords({ name, plcAddress, slivers, databaseError }: LocalStatus): string {
  if (name === null) return 'not joined: manager not running; join an authority with: pl-node join -';
  const rows = slivers.map((sliver) => [sliver.slice, sliver.ended ? 'ended' : until(sliver.leaseEndsAt, Date.now())]);
  const words = [
    `${name}: manager not running`,
    `authority   ${plcAddress}`,
    ...(databaseError === null
      ? []
      : [`database    cannot be read (${plain(databaseError)}); these leases are from their journal`]),
  ];
  return [...words, ...(rows.length === 0 ? [] : [table(['SLICE', 'LEASE ENDS'], rows)])].join('\n');
}

async function slivers({ state, json }: StateOptions): Promise<void> {
  const { adminClient } = await import('@planetlab/node-manager');
  const admin = adminClient(state);
  if (admin === undefined) {
    throw new PlanetLabError(
      'node_unreachable',
      'The node manager is not running, so it is not known what slivers use. pl-node status shows which there are.',
    );
  }
  const before = await admin.listSlivers({});
  const startedMs = performance.now();
  await new Promise((resolve) => setTimeout(resolve, CPU_WINDOW_MS));
  const { items } = await admin.listSlivers({});
  const windowMs = performance.now() - startedMs;
  const cpuBefore = new Map(before.items.map(({ slice, use }) => [slice, use?.cpuMs]));
  const measured = items.map((sliver) => ({ ...sliver, cpuPercent: cpuPercent(sliver, cpuBefore, windowMs) }));
  print(json, { items: measured }, sliverTable(measured));
}

/** Of one core. Null when it did not run all the while. */
function cpuPercent(
  { slice, use }: AdminSliver,
  before: ReadonlyMap<string, number | undefined>,
  windowMs: number,
): number | null {
  const earlierMs = before.get(slice);
  if (use === null || earlierMs === undefined || use.cpuMs < earlierMs) return null;
  return Math.round(((use.cpuMs - earlierMs) / windowMs) * 1000) / 10;
}

function sliverTable(items: readonly (AdminSliver & { readonly cpuPercent: number | null })[]): string {
  if (items.length === 0) return 'no slivers';
  const now = Date.now();
  return table(
    ['SLICE', 'STATE', 'SINCE', 'PEOPLE', 'LEASED BY', 'AUTHORITY', 'LEASE ENDS', 'MEMORY', 'PROCESSES', 'CPU', 'WHY'],
    items.map(({ use, ...sliver }) => [
      sliver.slice,
      sliver.state,
      ago(sliver.since, now),
      sliver.people.length === 0 ? '-' : sliver.people.join(', '),
      sliver.principal,
      sliver.authority,
      until(sliver.expiresAt, now),
      use === null ? '-' : `${formatMiB(Math.round(use.memoryMiB))} of ${formatMiB(sliver.resources.memoryMiB)}`,
      use === null ? '-' : `${use.processes} of ${sliver.resources.processes}`,
      sliver.cpuPercent === null ? '-' : `${sliver.cpuPercent} %`,
      sliver.reason?.message ?? '',
    ]),
  );
}

async function steps(slice: string | undefined, { state, json, limit }: StepOptions): Promise<void> {
  const { adminClient, adminWithoutManager } = await import('@planetlab/node-manager');
  const admin = adminClient(state);
  const items =
    admin === undefined
      ? adminWithoutManager(state, Date.now).steps(slice, Number(limit))
      : (await admin.listSteps({ query: { slice, limit } })).items;
  print(json, { items }, stepTable(items));
}

function stepTable(items: readonly StepRecord[]): string {
  if (items.length === 0) return 'nothing yet';
  return table(
    ['WHEN', 'SLICE', 'STEP', 'OUTCOME', 'TOOK', 'WHY'],
    items
      .toReversed()
      .map((step) => [
        step.at,
        step.slice ?? '-',
        step.step,
        step.outcome,
        `${Math.round(step.durationMs * 10) / 10} ms`,
        step.message ?? '',
      ]),
  );
}
