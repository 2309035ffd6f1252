import { BanSubject } from '@planetlab/contract';
import { parseName, SliceName } from '@planetlab/model';
import type { Command } from 'commander';
import { example, JSON_OUTPUT, REASON, type ReasonOptions, STATE, type StateOptions } from '../options.ts';
import { print } from '../output.ts';
import { table } from '../table.ts';

/** What the administrator of the machine decides. It holds until it is taken back, over restarts and upgrades. */
export function registerDecide(program: Command): void {
  const command = (name: string, summary: string, line: string) =>
    program
      .command(name)
      .description(summary)
      .option(...STATE)
      .option(...JSON_OUTPUT)
      .addHelpText('after', example(line));

  command(
    'stop <slice>',
    'end what runs in a sliver now, and keep it stopped',
    'pl-node stop princeton_codeen --reason "port scans"',
  )
    .option(...REASON)
    .action(stop);
  command('start <slice>', 'let a stopped sliver run again', 'pl-node start princeton_codeen').action(start);
  command(
    'ban <subject>',
    'end the leases of a slice or an authority now, and grant it no more',
    'pl-node ban princeton_codeen --reason "port scans"',
  )
    .option(...REASON)
    .action(ban);
  command('unban <subject>', 'allow leases to a slice or an authority again', 'pl-node unban princeton_codeen').action(
    unban,
  );
  command('bans', 'slices and authorities that get no lease here', 'pl-node bans').action(bans);
  command(
    'drain',
    'make no new leases and renew none; what runs ends on time',
    'pl-node drain --reason "new disk on Friday"',
  )
    .option(...REASON)
    .action(drain);
  command('undrain', 'make and renew leases again', 'pl-node undrain').action(undrain);
}

/** The running manager, or what can be done without it, which is then said. */
async function adminOf(state: string) {
  const { adminClient, adminWithoutManager } = await import('@planetlab/node-manager');
  const running = adminClient(state);
  if (running !== undefined) return { running, alone: undefined };
  const alone = adminWithoutManager(state, Date.now);
  process.stderr.write(
    'The node manager is not running: the decision is written down, and carried out when it starts.\n',
  );
  return { running, alone };
}

async function stop(text: string, { state, json, reason = null }: Nullable<ReasonOptions>): Promise<void> {
  const slice = parseName(SliceName, text);
  const { running, alone } = await adminOf(state);
  const done =
    running === undefined
      ? await alone.stop(slice, reason)
      : await running.stop({ params: { slice }, body: { reason } });
  print(json, done, `${slice} is stopped, until: pl-node start ${slice}`);
}

async function start(text: string, { state, json }: StateOptions): Promise<void> {
  const slice = parseName(SliceName, text);
  const { running, alone } = await adminOf(state);
  if (running === undefined) alone.start(slice);
  else await running.start({ params: { slice } });
  print(json, { slice }, `${slice} may run again`);
}

async function ban(text: string, { state, json, reason = null }: Nullable<ReasonOptions>): Promise<void> {
  const subject = parseName(BanSubject, text);
  const { running, alone } = await adminOf(state);
  const done =
    running === undefined
      ? await alone.ban(subject, reason)
      : await running.ban({ params: { subject }, body: { reason } });
  print(json, done, `${subject} is banned, until: pl-node unban ${subject}`);
}

async function unban(text: string, { state, json }: StateOptions): Promise<void> {
  const subject = parseName(BanSubject, text);
  const { running, alone } = await adminOf(state);
  if (running === undefined) alone.unban(subject);
  else await running.unban({ params: { subject } });
  print(json, { subject }, `${subject} may get leases again`);
}

async function bans({ state, json }: StateOptions): Promise<void> {
  const { adminClient, adminWithoutManager } = await import('@planetlab/node-manager');
  const running = adminClient(state);
  const items =
    running === undefined ? adminWithoutManager(state, Date.now).bans() : (await running.listBans({})).items;
  const rows = items.map((each) => [each.subject, each.at, each.reason ?? '']);
  print(json, { items }, items.length === 0 ? 'nobody is banned' : table(['BANNED', 'SINCE', 'WHY'], rows));
}

async function drain({ state, json, reason = null }: Nullable<ReasonOptions>): Promise<void> {
  const { running, alone } = await adminOf(state);
  const done = running === undefined ? alone.drain(reason) : await running.drain({ body: { reason } });
  print(json, done, 'no leases are made or renewed, until: pl-node undrain');
}

async function undrain({ state, json }: StateOptions): Promise<void> {
  const { running, alone } = await adminOf(state);
  if (running === undefined) alone.undrain();
  else await running.undrain({});
  print(json, { drain: null }, 'leases are made and renewed again');
}

/** A reason that is not given is null from here on. */
type Nullable<T extends ReasonOptions> = Omit<T, 'reason'> & { readonly reason?: string | null };
