import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type Io, wantsColor } from './io.ts';
import { GLOBAL_OPTIONS } from './leaf.ts';

/** Gives a command its arguments, options, subcommands and action. */
export type Register = (command: Command, io: Io) => void | Promise<void>;

interface Group {
  readonly name: string;
  readonly summary: string;
  readonly heading: string;
  /** Loads the group's file: only that of the command that is called. */
  readonly load: () => Promise<{ readonly register: Register }>;
  readonly hidden?: boolean;
}

const EVERY_DAY = 'Every day:';
const THINGS = 'Things:';
const ACCOUNT = 'You:';

export const GROUPS: readonly Group[] = [
  {
    name: 'slice',
    summary: 'create slices, put them on nodes',
    heading: EVERY_DAY,
    load: () => import('./commands/slice.ts'),
  },
  {
    name: 'exec',
    summary: 'run a program in one or many slivers',
    heading: EVERY_DAY,
    load: () => import('./commands/exec.ts'),
  },
  {
    name: 'ssh',
    summary: 'log in to a sliver with OpenSSH',
    heading: EVERY_DAY,
    load: () => import('./commands/ssh.ts'),
  },
  {
    name: 'lab',
    summary: 'a whole PlanetLab on this machine',
    heading: EVERY_DAY,
    load: () => import('./commands/lab.ts'),
  },
  {
    name: 'sliver',
    summary: 'what a slice has on each node, and why not',
    heading: THINGS,
    load: () => import('./commands/sliver.ts'),
  },
  {
    name: 'operation',
    summary: 'work on many nodes: how far it is, and why not',
    heading: THINGS,
    load: () => import('./commands/operation.ts'),
  },
  { name: 'node', summary: 'nodes: list them, add one', heading: THINGS, load: () => import('./commands/node.ts') },
  { name: 'site', summary: 'institutions', heading: THINGS, load: () => import('./commands/site.ts') },
  {
    name: 'group',
    summary: 'groups of nodes, and their tags',
    heading: THINGS,
    load: () => import('./commands/group.ts'),
  },
  {
    name: 'settings',
    summary: 'what holds for the whole authority',
    heading: THINGS,
    load: () => import('./commands/settings.ts'),
  },
  { name: 'person', summary: 'people and their roles', heading: THINGS, load: () => import('./commands/person.ts') },
  { name: 'mail', summary: 'the outbox', heading: THINGS, load: () => import('./commands/mail.ts') },
  {
    name: 'announcement',
    summary: 'what people are told; tell them something',
    heading: THINGS,
    load: () => import('./commands/announcement.ts'),
  },
  { name: 'events', summary: 'who did what', heading: THINGS, load: () => import('./commands/events.ts') },
  {
    name: 'kill-switch',
    summary: 'stop a slice, a person or a site at once',
    heading: THINGS,
    load: () => import('./commands/kill-switch.ts'),
  },
  {
    name: 'mass',
    summary: 'decide over many nodes, slices or people, with a preview',
    heading: THINGS,
    load: () => import('./commands/mass.ts'),
  },
  {
    name: 'status',
    summary: 'how the authority is, as anybody may know',
    heading: THINGS,
    load: () => import('./commands/status.ts'),
  },
  { name: 'login', summary: 'sign in to a PLC', heading: ACCOUNT, load: () => import('./commands/login.ts') },
  {
    name: 'logout',
    summary: 'revoke the token and forget it',
    heading: ACCOUNT,
    load: () => import('./commands/logout.ts'),
  },
  {
    name: 'whoami',
    summary: 'who is signed in, and where',
    heading: ACCOUNT,
    load: () => import('./commands/whoami.ts'),
  },
  { name: 'key', summary: 'SSH keys', heading: ACCOUNT, load: () => import('./commands/key.ts') },
  { name: 'token', summary: 'API tokens', heading: ACCOUNT, load: () => import('./commands/token.ts') },
  {
    name: 'console',
    summary: 'a link that opens the console, signed in',
    heading: ACCOUNT,
    load: () => import('./commands/console.ts'),
  },
  {
    name: 'completion',
    summary: 'completion for bash',
    heading: ACCOUNT,
    load: () => import('./commands/completion.ts'),
  },
];

const EPILOGUE = `
Addresses and tokens come from --url, then PLANETLAB_URL and PLANETLAB_TOKEN, then \`pl login\`.
Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted; \`pl exec\` and \`pl ssh\` pass the program's own through.`;

export function buildProgram(io: Io): Command {
  const program = new Command('pl')
    .description('PlanetLab: slices of virtual machines on nodes around the world')
    .usage('COMMAND [ARGUMENTS] [OPTIONS]')
    .version(version(), '--version', 'print the version')
    .helpOption('-h, --help', 'explain a command')
    .helpCommand(false)
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void io.stdout.write(text),
      writeErr: (text) => void io.stderr.write(text),
      outputError: () => {}, // said in one place, by run
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
      getOutHasColors: () => wantsColor(io, io.stdout),
      getErrHasColors: () => wantsColor(io, io.stderr),
    })
    .addHelpText('after', EPILOGUE);
  for (const option of GLOBAL_OPTIONS) program.addOption(option);
  for (const group of GROUPS) {
    program.command(group.name).description(group.summary).helpGroup(group.heading).helpCommand(false);
  }
  addHelpCommand(program);
  program.hook('preSubcommand', async (_program, called) => {
    const group = GROUPS.find((candidate) => candidate.name === called.name());
    await (await group?.load())?.register(called, io);
  });
  return program;
}

/** `pl help slice create` is `pl slice create --help`: the parser's own would not load the group. */
function addHelpCommand(program: Command): void {
  program.command('help [command...]', { hidden: true }).action(async (words: string[]) => {
    await program.parseAsync([...words, '--help'], { from: 'user' });
  });
}

function version(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version; // our own file
}
