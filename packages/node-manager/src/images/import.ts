import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { NodeImage } from '@planetlab/contract';
import { type CommandRunner, systemRunner } from '@planetlab/linux';
import { ImageName, messageOf, PlanetLabError, parseName } from '@planetlab/model';
import { addImage, IMPORTED, withImageLock } from './add-image.ts';

export interface ImportOptions {
  readonly folder: string;
  /** The name it gets. Throws `malformed_name`. */
  readonly name: string;
  /** An OCI archive or a Docker archive (`docker save`). */
  readonly file: string;
  readonly runner?: CommandRunner;
  readonly now: () => number;
}

const TIMEOUT_MS = 10 * 60_000;

/** Imports an image with skopeo, and unpacks it with umoci, which follows no link out of the tree. */
export async function importImage(options: ImportOptions): Promise<readonly NodeImage[]> {
  const { folder, file, runner = systemRunner, now } = options;
  const name = parseName(ImageName, options.name);
  const path = resolve(file);
  if (!existsSync(path)) throw new PlanetLabError('unknown_image', `There is no file ${path}.`);
  return withImageLock(folder, async () => {
    const layout = mkdtempSync(join(tmpdir(), 'planetlab-import-'));
    try {
      await copyToLayout(path, layout, runner);
      return await addImage({
        folder,
        names: [name],
        source: IMPORTED,
        now,
        runner,
        make: async (root) => {
          const image = `${layout}/image:latest`;
          rmSync(root, { recursive: true }); // umoci makes it
          await runner.run({ argv: ['umoci', 'raw', 'unpack', '--image', image, root], timeoutMs: TIMEOUT_MS });
        },
      });
    } finally {
      rmSync(layout, { recursive: true, force: true });
    }
  });
}

async function copyToLayout(file: string, layout: string, runner: CommandRunner): Promise<void> {
  const reasons: string[] = [];
  for (const kind of ['oci-archive', 'docker-archive']) {
    try {
      const argv = [
        'skopeo',
        'copy',
        '--quiet',
        '--insecure-policy',
        `${kind}:${file}`,
        `oci:${layout}/image:latest`,
      ] as const;
      await runner.run({ argv: [...argv], timeoutMs: TIMEOUT_MS });
      return;
    } catch (cause) {
      reasons.push(`${kind}: ${messageOf(cause)}`);
      rmSync(join(layout, 'image'), { recursive: true, force: true });
    }
  }
  throw new PlanetLabError(
    'malformed_request',
    `${file} is neither an OCI nor a Docker archive. ${reasons.join('; ')}`,
  );
}
