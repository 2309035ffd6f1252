import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { fail, print } from './output.ts';

/** Config, wire, run, signals. What takes time to load is loaded by the command that needs it. */
const program = new Command('planetlab-node')
  .description('The node manager of PlanetLab: makes this machine a node.')
  .addHelpText(
    'after',
    `
Examples:
  planetlab-node image build debian-12                     build the base image, once
  planetlab-node join token.txt --state /var/lib/planetlab/node
  planetlab-node run --state /var/lib/planetlab/node       until SIGTERM; slivers go on
  planetlab-node status --state /var/lib/planetlab/node
  planetlab-node purge --state /var/lib/planetlab/node     remove the node from this machine`,
  );

const STATE = ['--state <dir>', 'state folder of the node', '/var/lib/planetlab/node'] as const;
const IMAGES = ['--images <dir>', 'folder of the images', '/var/lib/planetlab/images'] as const;
const JSON_OUTPUT = ['--json', 'print JSON'] as const;

interface StateOptions {
  readonly state: string;
  readonly json?: boolean;
}

interface ImageOptions {
  readonly images: string;
  readonly json?: boolean;
}

program
  .command('join')
  .description('join the authority that issued a join token')
  .argument('<token-file>', 'file with the token; - reads it from standard input')
  .option(...STATE)
  .option(...JSON_OUTPUT)
  .action(async (file: string, { state, json }: StateOptions) => {
    const { joinAuthority } = await import('@planetlab/node-manager');
    const token = readFileSync(file === '-' ? 0 : file, 'utf8');
    const joined = await joinAuthority({ token, stateDir: state, now: Date.now });
    print(json, joined, `joined as ${joined.name}; start it with: planetlab-node run --state ${state}`);
  });

program
  .command('run')
  .description('run the node manager; ends at SIGTERM or SIGINT and leaves slivers running')
  .option(...STATE)
  .action(async ({ state }: StateOptions) => {
    const { runUntilSignal } = await import('./run.ts');
    await runUntilSignal(state);
  });

program
  .command('status')
  .description('what this machine knows of its node')
  .option(...STATE)
  .option(...JSON_OUTPUT)
  .action(async ({ state, json }: StateOptions) => {
    const { localStatus } = await import('@planetlab/node-manager');
    const status = localStatus(state);
    const slivers = status.slivers.map(
      ({ slice, leaseEndsAt, ended }) => `  ${slice}  ${ended ? 'being removed' : `leased until ${leaseEndsAt}`}`,
    );
    const manager = status.managerPid === null ? 'not running' : `running (process ${status.managerPid})`;
    print(json, status, [`${status.name ?? 'not joined'}: manager ${manager}`, ...slivers].join('\n'));
  });

program
  .command('purge')
  .description('end and remove everything of this node on this machine, and its state folder')
  .option(...STATE)
  .option(...JSON_OUTPUT)
  .action(async ({ state, json }: StateOptions) => {
    const { purgeNode } = await import('@planetlab/node-manager');
    const purged = await purgeNode(state);
    print(json, purged, `${state} is gone, with all that this node had made`);
  });

const image = program.command('image').description('images that slivers start from');

image
  .command('build')
  .description("build a Debian image")
  .argument('<name>', 'such as debian-12')
  .option(...IMAGES)
  .option(...JSON_OUTPUT)
  .action(async (name: string, { images, json }: ImageOptions) => {
    const { buildImage } = await import('@planetlab/node-manager');
    const progress = (line: string) => process.stderr.write(`${line}\n`);
    const built = await buildImage({ folder: images, name, now: Date.now, progress });
    print(json, { items: built }, built.map((each) => `${each.name}  ${each.sizeMiB} MiB`).join('\n'));
  });

image
  .command('import')
  .description('import an OCI or Docker archive')
  .argument('<name>', 'the name it gets here')
  .argument('<file>', 'the archive')
  .option(...IMAGES)
  .option(...JSON_OUTPUT)
  .action(async (name: string, file: string, { images, json }: ImageOptions) => {
    const { importImage } = await import('@planetlab/node-manager');
    const imported = await importImage({ folder: images, name, file, now: Date.now });
    print(json, { items: imported }, imported.map((each) => `${each.name}  ${each.sizeMiB} MiB`).join('\n'));
  });

image
  .command('list')
  .description('images that are there')
  .option(...IMAGES)
  .option(...JSON_OUTPUT)
  .action(async ({ images, json }: ImageOptions) => {
    const { createImageStore } = await import('@planetlab/node-manager');
    const items = createImageStore(images).list();
    print(json, { items }, items.map((each) => `${each.name}  ${each.sizeMiB} MiB  ${each.importedAt}`).join('\n'));
  });

image
  .command('prune')
  .description('remove what no name stands for and nobody uses')
  .option(...IMAGES)
  .option(...JSON_OUTPUT)
  .action(async ({ images, json }: ImageOptions) => {
    const { createImageStore } = await import('@planetlab/node-manager');
    const removed = createImageStore(images).prune();
    print(json, { removed }, `${removed.length} removed`);
  });

await program.parseAsync().catch(fail);
