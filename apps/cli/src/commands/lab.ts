import type { LabReport, LabStatus } from '@planetlab/lab';
import { formatDuration } from '@planetlab/model';
import type { Command } from 'commander';
import { ExitWith } from '../exit.ts';
import type { Io } from '../io.ts';
import { type LabEnds, watchLabEnds } from '../lab-ends.ts';
import { createLabProgress } from '../lab-progress.ts';
import { type Invocation, leaf } from '../leaf.ts';
import { wholeNumber } from '../options.ts';
import type { Field } from '../output/printer.ts';
import { relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { DEFAULT_LAB } from '../session/lab.ts';
import { usageError } from '../usage.ts';

const DEFAULT_NODES = 5;

interface UpOptions {
  readonly nodes: number;
  readonly port?: number;
  readonly name: string;
  readonly detach?: boolean;
  readonly once?: boolean;
  readonly simulated?: boolean;
}

const downCommand = (name: string): string => (name === DEFAULT_LAB ? 'pl lab down' : `pl lab down --name ${name}`);

const named = (command: Command): Command => command.option('--name <name>', 'which lab', DEFAULT_LAB);

export const register: Register = (lab, io) => {
  registerUp(lab, io);
  leaf(
    named(lab.command('status')),
    io,
    { summary: 'what runs, and how to get in', example: 'pl lab status' },
    async ({ print, json }, { name }: { name: string }) => {
      const { labStatus } = await import('@planetlab/lab');
      const status = await labStatus(name);
      if (status !== undefined) return print.record(status, statusFields(status, print.view.nowMs));
      if (json) print.record(null, []);
      else print.note(`There is no lab "${name}". Start one with \`pl lab up\`.`);
      throw new ExitWith(1);
    },
  );
  leaf(
    named(lab.command('down')),
    io,
    { summary: 'stop it, and leave nothing behind', example: 'pl lab down' },
    async (invocation, { name }: { name: string }) => {
      const found = await takeDown(invocation, name);
      const sentence = found ? `The lab "${name}" is down; nothing of it is left.` : `There was no lab "${name}".`;
      invocation.print.done({ name, found }, sentence);
    },
  );
  registerWan(lab, io);
};

function registerUp(lab: Command, io: Io): void {
  leaf(
    named(lab.command('up'))
      .option('--nodes <count>', 'how many nodes', wholeNumber, DEFAULT_NODES)
      .option('--port <number>', 'where the PLC listens; without it 8420, or any where that is taken', wholeNumber)
      .option('--detach', 'leave it running; `pl lab down` ends it')
      .option('--once', 'show that it works, and take it down')
      .option('--simulated', 'do without containers, also where they could run'),
    io,
    { summary: 'start a PLC, nodes around an emulated world, and a slice on them', example: 'pl lab up --nodes 3' },
    async (invocation, options: UpOptions) => {
      if (options.detach === true && options.once === true) throw usageError('Say either --detach or --once.');
      const { labUp, MAX_NODES } = await import('@planetlab/lab');
      if (options.nodes < 1 || options.nodes > MAX_NODES) throw usageError(`--nodes is 1 to ${MAX_NODES}.`);
      if (options.port !== undefined && (options.port < 1 || options.port > 65_535)) {
        throw usageError('--port is 1 to 65535.');
      }
      const progress = createLabProgress(invocation);
      const { name, nodes, port } = options;
      const ends = watchLabEnds(io);
      const report = await labUp({
        ...{ name, nodes, port, detached: options.detach === true, simulated: options.simulated === true },
        ...{ progress: progress.report, partEnded: ends.add, signal: io.interrupted },
      }).finally(progress.end);
      await showAndKeep(invocation, report, options, ends);
    },
  );
}

async function showAndKeep(
  invocation: Invocation,
  report: LabReport,
  options: UpOptions,
  ends: LabEnds,
): Promise<void> {
  const { print, io } = invocation;
  const shown = options.once === true ? [] : accessFields(report);
  if (invocation.json) print.record(report, []);
  else await showReport(invocation, report, shown);
  let ended = false;
  if (options.detach === true) {
    print.note(`The lab stays up; \`${downCommand(options.name)}\` ends it.`);
  } else {
    if (options.once !== true) {
      print.note('The lab is up. Ctrl-C ends it and leaves nothing behind.');
      await untilInterrupted(io);
    }
    ended = ends.stop();
    await takeDown(invocation, report.name);
    print.note('The lab is down; nothing of it is left.');
  }
  throw new ExitWith(report.ok && !ended ? 0 : 1);
}

async function showReport({ print }: Invocation, report: LabReport, access: readonly Field[]): Promise<void> {
  const { reportRows, roundTripRows } = await import('@planetlab/lab');
  const table = ([heads = [], ...rows]: readonly (readonly string[])[]) => {
    const columns = heads.map((head, at) => ({
      head: head.toUpperCase(),
      cell: (row: readonly string[]) => row[at] ?? '',
    }));
    print.list(rows, columns, '');
  };
  table(reportRows(report));
  if (report.nodes.length > DEFAULT_NODES) {
    print.note('');
    table(roundTripRows(report));
  }
  print.note('');
  const took = formatDuration(report.durationMs);
  print.note(report.ok ? `All of it worked, in ${took}.` : `Not all of it worked, in ${took}:`);
  for (const node of report.nodes) {
    for (const problem of node.problems) print.note(`  ${node.node}: ${problem.message} [${problem.code}]`);
  }
  if (access.length > 0) print.record(report, access);
}

const accessFields = ({ name, access }: LabReport): readonly Field[] => [
  ['Console', access.signInLink ?? access.plcUrl],
  ['SSH', access.sshCommand ?? undefined],
  [
    'pl',
    name === DEFAULT_LAB
      ? 'is signed in, unless you are elsewhere'
      : `PLANETLAB_URL=${access.plcUrl} PLANETLAB_TOKEN=$(cat ${access.tokenFile}) pl node list`,
  ],
];

function statusFields(status: LabStatus, nowMs: number): readonly Field[] {
  const count = (part: string) => status.processes.filter((found) => found.part === part).length;
  const color = { up: 'green', starting: 'yellow', broken: 'red' } as const;
  return [
    ['Lab', status.name],
    ['State', { text: status.state, color: color[status.state] }],
    ['Nodes', `${count('node')}${status.mode === 'simulated' ? ', simulated' : ''}`],
    ['Started', relativeTime(status.startedAt, nowMs)],
    ['Ends', status.detached ? `with \`${downCommand(status.name)}\`` : 'with the `pl lab up` that started it'],
    ['Folder', status.stateDirectory],
    ['PLC', status.access?.plcUrl],
    ['Console', status.access === null ? undefined : 'pl console'],
    ['SSH', status.access?.sshCommand ?? undefined],
  ];
}

async function takeDown(invocation: Invocation, name: string): Promise<boolean> {
  const { labDown } = await import('@planetlab/lab');
  const progress = createLabProgress(invocation);
  return labDown(name, { progress: progress.report }).finally(progress.end);
}

/** Never returns by itself: an interruption is how such a lab is meant to end. */
async function untilInterrupted(io: Io): Promise<void> {
  const alive = setInterval(() => {}, 1 << 30); // a promise alone would not keep the program running
  await new Promise<void>((resolve) => {
    if (io.interrupted.aborted) resolve();
    io.interrupted.addEventListener('abort', () => resolve(), { once: true });
  });
  clearInterval(alive);
}

/** A part of the lab itself: the process that carries its packets. */
function registerWan(lab: Command, io: Io): void {
  leaf(
    lab.command('wan', { hidden: true }).requiredOption('--topology <file>', 'ports and latencies'),
    io,
    { summary: 'the emulated wide-area network', example: 'pl lab wan --topology topology.json' },
    async ({ print }, { topology }: { topology: string }) => {
      const { runWan } = await import('@planetlab/lab');
      const counters = await runWan(topology, io.interrupted);
      print.done(counters, `The network has ended: ${JSON.stringify(counters)}`);
    },
  );
}
