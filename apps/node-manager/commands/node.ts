import { readFileSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { PlanetLabError } from '@planetlab/model';
import type { Command } from 'commander';
import { example, JSON_OUTPUT, STATE, type StateOptions } from '../options.ts';
import { print } from '../output.ts';

interface CertainOptions extends StateOptions {
  readonly yes?: boolean;
}

/** The life of a node: joins, runs, is switched off, leaves. */
export function registerNode(program: Command): void {
  program
    .command('join')
    .description('make this machine a node of the authority that issued a join token, and start it')
    .argument('<token-file>', 'file with the token; - reads it from standard input')
    .option(...STATE)
    .option(...JSON_OUTPUT)
    .addHelpText('after', example('pl-node join -'))
    .action(join);

  program
    .command('run')
    .description('run the node manager; ends at SIGTERM or SIGINT and leaves slivers running')
    .option(...STATE)
    .addHelpText('after', example('pl-node run --state /var/lib/planetlab/node'))
    .action(async ({ state }: StateOptions) => {
      const { runUntilSignal } = await import('../run.ts');
      await runUntilSignal(state);
    });

  program
    .command('halt')
    .description('switch the node off: end its manager and every sliver; what slivers have written is kept')
    .option(...STATE)
    .option(...JSON_OUTPUT)
    .addHelpText('after', example('pl-node halt'))
    .action(async ({ state, json }: StateOptions) => {
      const { haltNode } = await import('@planetlab/node-manager');
      const { stopManager } = await import('../service.ts');
      await stopManager(state, 'until-started');
      print(json, await haltNode(state), 'the node is off; leases that still hold are honoured when it runs again');
    });

  program
    .command('leave')
    .description('end and remove everything of this node on this machine, and forget its authority')
    .option(...STATE)
    .option(...JSON_OUTPUT)
    .option('--yes', 'do it; without, it only says what would go')
    .addHelpText('after', example('pl-node leave --yes'))
    .action(leave);

  program
    .command('purge')
    .description('what is left to leave when the manager does not run')
    .option(...STATE)
    .option(...JSON_OUTPUT)
    .addHelpText('after', example('pl-node purge --state /var/lib/planetlab/node'))
    .action(purge);
}

async function join(file: string, { state, json }: StateOptions): Promise<void> {
  const { joinAuthority } = await import('@planetlab/node-manager');
  const { linkConfiguration, serviceOf, startService } = await import('../service.ts');
  if (file === '-' && process.stdin.isTTY) process.stderr.write('Paste the join token, then press Enter and Ctrl-D:\n');
  // as a stream: another program may say it later than this one asks, such as `pl node invite` before a pipe
  const token = file === '-' ? await text(process.stdin) : readFileSync(file, 'utf8');
  const service = serviceOf(state);
  if (service !== undefined) linkConfiguration(state);
  const joined = await joinAuthority({ token, stateDir: state, now: Date.now });
  if (service !== undefined) await startService(service);
  const next =
    service === undefined ? `start it with: pl-node run --state ${state}` : 'see how it is doing: pl-node status';
  print(json, joined, `joined as ${joined.name}; ${next}`);
}

async function leave({ state, json, yes }: CertainOptions): Promise<void> {
  const { localStatus } = await import('@planetlab/node-manager');
  const { name, slivers } = localStatus(state);
  if (yes !== true) {
    throw new PlanetLabError(
      'conflict',
      `This ends ${slivers.length} slivers of ${name ?? 'a node that has not joined'}, with all they have written, and removes ${state}. To let them end on time, drain first. If you are sure, add --yes.`,
    );
  }
  const { stopManager } = await import('../service.ts');
  await stopManager(state, 'for-good');
  await purge({ state, ...(json === undefined ? {} : { json }) });
}

async function purge({ state, json }: StateOptions): Promise<void> {
  const { purgeNode } = await import('@planetlab/node-manager');
  const purged = await purgeNode(state);
  print(json, purged, `${state} is gone, with all that this node had made`);
}
