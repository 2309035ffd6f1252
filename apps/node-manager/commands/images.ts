import type { Command } from 'commander';
import { example, IMAGES, type ImageOptions, JSON_OUTPUT } from '../options.ts';
import { print } from '../output.ts';
import { table } from '../table.ts';

interface Image {
  readonly name: string;
  readonly sizeMiB: number;
  readonly importedAt: string;
}

type BuildOptions = ImageOptions & { readonly ifChanged?: boolean };

const imageTable = (images: readonly Image[]): string =>
  images.length === 0
    ? 'no images; build one with: pl-node image build debian-12'
    : table(
        ['IMAGE', 'SIZE', 'IMPORTED'],
        images.map((image) => [image.name, `${image.sizeMiB} MiB`, image.importedAt]),
      );

/** `pl-node image ...`: what slivers start from. */
export function registerImages(program: Command): void {
  const image = program.command('image').description('images that slivers start from');

  image
    .command('build')
    .description('build a Debian image; its release is the one in its name')
    .argument('<name>', 'such as debian-12')
    .option('--if-changed', 'only if it is not there, or was made from other packages than it would be now')
    .option(...IMAGES)
    .option(...JSON_OUTPUT)
    .addHelpText('after', example('pl-node image build debian-12'))
    .action(async (name: string, { images, json, ifChanged = false }: BuildOptions) => {
      const { buildImage } = await import('@planetlab/node-manager');
      const progress = (line: string) => process.stderr.write(`${line}\n`);
      const built = await buildImage({ folder: images, name, ifChanged, now: Date.now, progress });
      print(json, { items: built }, imageTable(built));
    });

  image
    .command('import')
    .description('import an OCI or Docker archive')
    .argument('<name>', 'the name it gets here')
    .argument('<file>', 'the archive')
    .option(...IMAGES)
    .option(...JSON_OUTPUT)
    .addHelpText('after', example('pl-node image import alpine alpine.tar'))
    .action(async (name: string, file: string, { images, json }: ImageOptions) => {
      const { importImage } = await import('@planetlab/node-manager');
      const imported = await importImage({ folder: images, name, file, now: Date.now });
      print(json, { items: imported }, imageTable(imported));
    });

  image
    .command('list')
    .description('images that are there')
    .option(...IMAGES)
    .option(...JSON_OUTPUT)
    .addHelpText('after', example('pl-node image list'))
    .action(async ({ images, json }: ImageOptions) => {
      const { createImageStore } = await import('@planetlab/node-manager');
      const warn = ({ path }: Readonly<Record<string, unknown>>, message: string) =>
        void process.stderr.write(`${path}: ${message}\n`);
      const items = createImageStore(images, { warn }).list();
      print(json, { items }, imageTable(items));
    });

  image
    .command('prune')
    .description('remove what no name stands for and nobody uses')
    .option(...IMAGES)
    .option(...JSON_OUTPUT)
    .addHelpText('after', example('pl-node image prune'))
    .action(async ({ images, json }: ImageOptions) => {
      const { createImageStore } = await import('@planetlab/node-manager');
      const removed = createImageStore(images).prune();
      print(json, { removed }, `${removed.length} removed`);
    });
}
