#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { isPlanetLabError, messageOf, PlanetLabError, parseDuration } from '@planetlab/model';
import { Command, InvalidArgumentError, Option } from 'commander';
import { addBackupCommands } from './backup-commands.ts';
import { startMemoryKeeper, thisMemory } from './memory-keeper.ts';
import { addPeopleFlags, type PeopleFlags, peopleOptions } from './people-flags.ts';

/** What `run` was given, by option or environment. */
interface RunFlags extends PeopleFlags {
  readonly state: string;
  readonly listen: string;
  readonly nodeListen: string;
  readonly nodeAddress?: string;
  readonly processAddress?: string;
  readonly keys?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly console?: string;
  readonly publicUrl?: string;
  readonly authority?: string;
  readonly adminEmail?: string;
  readonly leaseMinutes: number;
  readonly databaseUrl?: string;
  readonly logLevel: string;
}

const EXAMPLE = `
Example: an authority for example.org, with a proxy that brings https://plc.example.org to port 8420
  planetlab-plc run --state /var/lib/planetlab/plc --authority example.org \\
    --node-listen 0.0.0.0:8421 --node-address plc.example.org:8421 \\
    --public-url https://plc.example.org

The API token of the first admin is in bootstrap-admin.token in the state folder.`;

const flag = (flags: string, description: string, variable: string) => new Option(flags, description).env(variable);

function minutes(text: string): number {
  const ms = parseDuration(`${text}min`);
  if (ms === undefined || ms <= 0) throw new InvalidArgumentError('Give minutes, such as 60 or 0.5.');
  return ms / 60_000;
}

function program(): Command {
  const version = String(JSON.parse(readFileSync(new URL('package.json', import.meta.url), 'utf8')).version);
  const main = new Command('planetlab-plc')
    .description('PlanetLab Central: the server of an authority')
    .version(version)
    .showHelpAfterError()
    .addHelpText('after', EXAMPLE);
  const state = () =>
    flag('--state <folder>', 'keys, accounts, the private database', 'PLANETLAB_PLC_STATE').makeOptionMandatory();
  const keys = () => flag('--keys <folder>', 'the authority’s keys, if not in the state folder', 'PLANETLAB_PLC_KEYS');
  const databaseUrl = () =>
    flag('--database-url <url>', 'a PostgreSQL of yours instead of the private one', 'DATABASE_URL');
  const where = (command: Command) => command.addOption(state()).addOption(keys()).addOption(databaseUrl());
  addBackupCommands(main, where, say);
  addPeopleFlags(main.command('run'))
    .description('serve until SIGTERM or Ctrl-C')
    .addOption(state())
    .addOption(
      flag(
        '--listen <host:port>',
        'people and programs; plain HTTP, for a proxy with TLS, unless --tls-cert is given',
        'PLANETLAB_PLC_LISTEN',
      ).default('127.0.0.1:8420'),
    )
    .addOption(flag('--node-listen <host:port>', 'nodes, TLS', 'PLANETLAB_PLC_NODE_LISTEN').default('127.0.0.1:8421'))
    .addOption(flag('--node-address <host:port>', 'where nodes reach it, if elsewhere', 'PLANETLAB_PLC_NODE_ADDRESS'))
    .addOption(
      flag(
        '--process-address <host:port>',
        'where its other processes reach --node-listen, if elsewhere',
        'PLANETLAB_PLC_PROCESS_ADDRESS',
      ),
    )
    .addOption(keys())
    .addOption(
      flag('--tls-cert <file>', 'serve people by TLS with this certificate chain, PEM', 'PLANETLAB_PLC_TLS_CERT'),
    )
    .addOption(flag('--tls-key <file>', 'its key, PEM; both are read again at SIGHUP', 'PLANETLAB_PLC_TLS_KEY'))
    .addOption(flag('--console <folder>', 'built console to serve', 'PLANETLAB_PLC_CONSOLE'))
    .addOption(flag('--public-url <url>', 'how people reach it, for links', 'PLANETLAB_PLC_PUBLIC_URL'))
    .addOption(flag('--authority <name>', 'its name, fixed at the first start', 'PLANETLAB_PLC_AUTHORITY'))
    .addOption(flag('--admin-email <address>', 'the admin made at the first start', 'PLANETLAB_PLC_ADMIN_EMAIL'))
    .addOption(
      flag('--lease-minutes <number>', 'length of leases asked of nodes', 'PLANETLAB_PLC_LEASE_MINUTES')
        .default(240)
        .argParser(minutes),
    )
    .addOption(databaseUrl())
    .addOption(
      flag('--log-level <level>', 'on standard error', 'PLANETLAB_PLC_LOG_LEVEL')
        .choices(['debug', 'info', 'warn', 'error'])
        .default('info'),
    )
    .addHelpText('after', EXAMPLE)
    .action(run);
  main
    .command('purge')
    .description('stop what a killed server left running, and remove its state folder')
    .addOption(state())
    .action(async ({ state: folder }: { state: string }) => {
      const { purgePlc } = await import('@planetlab/plc');
      await purgePlc(folder);
      say(`Removed ${folder}.`);
    });
  return main;
}

async function run(flags: RunFlags): Promise<void> {
  const stop = firstSignal();
  const [{ startPlc }, { pino }] = await Promise.all([import('@planetlab/plc'), import('pino')]);
  const { nodeAddress, publicUrl, authority, databaseUrl, adminEmail } = flags;
  await using plc = await startPlc({
    state: flags.state,
    listen: flags.listen,
    nodeListen: flags.nodeListen,
    leaseMs: flags.leaseMinutes * 60_000,
    log: pino({ level: flags.logLevel, base: null, redact: ['req.headers'] }, pino.destination(2)),
    progress: say,
    ...peopleOptions(flags, process.env),
    ...(nodeAddress === undefined ? {} : { nodeAddress }),
    ...(flags.processAddress === undefined ? {} : { processAddress: flags.processAddress }),
    ...(flags.keys === undefined ? {} : { keys: flags.keys }),
    ...(flags.tlsCert === undefined && flags.tlsKey === undefined ? {} : { tls: tlsFiles(flags) }),
    ...(publicUrl === undefined ? {} : { publicUrl }),
    ...(authority === undefined ? {} : { authority }),
    ...(databaseUrl === undefined ? {} : { databaseUrl }),
    ...(flags.console === undefined ? {} : { consoleFolder: flags.console }),
    ...(adminEmail === undefined ? {} : { adminEmail }),
  });
  process.on('SIGHUP', () => plc.reloadCertificate());
  await using _memory = startMemoryKeeper(await thisMemory(() => plc.requests()));
  say(`Ready: people at ${plc.publicUrl}, nodes at ${plc.nodeAddress}.`);
  await stop;
  say('Stopping.');
}

function tlsFiles({ tlsCert, tlsKey }: RunFlags): { certificateFile: string; keyFile: string } {
  if (tlsCert !== undefined && tlsKey !== undefined) return { certificateFile: tlsCert, keyFile: tlsKey };
  throw new PlanetLabError('malformed_request', 'TLS needs both: give --tls-cert and --tls-key.');
}

/** The command line is read by everybody on the machine. */
function refusePasswords(): void {
  if (!process.argv.some((argument) => /:\/\/[^/@]*:[^/@]+@/.test(argument))) return;
  throw new PlanetLabError(
    'malformed_request',
    'Everybody on this machine can read the password in these arguments. Give it by the environment instead: the database in DATABASE_URL (or leave its password to a .pgpass file), mail in PLANETLAB_PLC_SMTP_PASSWORD.',
  );
}

/** Resolves at the first SIGTERM or SIGINT; a second one ends the program as it is used to. */
function firstSignal(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve());
  });
}

function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

try {
  refusePasswords();
  await program().parseAsync();
} catch (error) {
  say(
    isPlanetLabError(error)
      ? messageOf(error)
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error),
  );
  process.exitCode = 1;
}
