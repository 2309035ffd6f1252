import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { NodeImage } from '@planetlab/contract';
import { ImageName, Instant, messageOf, PlanetLabError } from '@planetlab/model';
import { z } from 'zod';
import { readOptional, writeFileAtomic } from '../files.ts';
import type { Logger } from '../logger.ts';

const ImageFile = z.object({
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  sizeMiB: z.number(),
  importedAt: Instant,
  source: z.string().optional(),
});
type ImageFile = z.infer<typeof ImageFile>;

/** Images by name; several names may stand for the same tree. */
export interface ImageStore {
  list(): readonly NodeImage[];
  get(name: ImageName): NodeImage | undefined;
  /** What the image of that name was made from. Images that older versions have made do not say. */
  sourceOf(name: ImageName): string | undefined;
  /** Folder of the root file system of a digest. Throws `unknown_image`. */
  root(digest: string): string;
  /** Makes a name stand for a tree that is in the store. */
  tag(name: ImageName, image: Omit<NodeImage, 'name'>, source?: string): void;
  /**
   * Removes trees that no name stands for and nobody has mounted. The digests removed. Throws `conflict` while it is not
   * known what a name stands for.
   */
  prune(): readonly string[];
}

/**
 * `DIR/NAME.json` says which tree a name stands for; `DIR/rootfs/DIGEST` is the tree. Trees never change once they are
 * there, and so are shared by any number of node managers. A name whose file is damaged stands for nothing; that is said once.
 */
export function createImageStore(folder: string, logger: Pick<Logger, 'warn'> = { warn() {} }): ImageStore {
  const trees = join(folder, 'rootfs');
  const saidOf = new Set<ImageName>();
  const read = (name: ImageName): ImageFile | undefined => {
    try {
      const image = readImage(folder, name);
      saidOf.delete(name);
      return image !== undefined && existsSync(join(trees, image.digest)) ? image : undefined;
    } catch (error) {
      const fields = { path: fileOf(folder, name), reason: messageOf(error) };
      if (!saidOf.has(name)) logger.warn(fields, 'the file of an image cannot be read: build or import it again');
      saidOf.add(name);
      return undefined;
    }
  };
  const get = (name: ImageName): NodeImage | undefined => {
    const image = read(name);
    if (image === undefined) return undefined;
    const { source: _source, ...told } = image;
    return { name, ...told };
  };
  return {
    list: () => names(folder).flatMap((name) => get(name) ?? []),
    get,
    sourceOf: (name) => read(name)?.source,
    root(digest) {
      const root = join(trees, digest);
      if (existsSync(root)) return root;
      throw new PlanetLabError(
        'unknown_image',
        `The image ${digest.slice(0, 12)} is not in ${folder} any more. Build or import it again.`,
      );
    },
    tag(name, image, source) {
      mkdirSync(folder, { recursive: true });
      writeFileAtomic(fileOf(folder, name), JSON.stringify(ImageFile.parse({ ...image, source })), 0o644);
    },
    prune() {
      const kept = new Set(names(folder).map((name) => readOrRefuse(folder, name)?.digest));
      const mounts = readOptional('/proc/self/mountinfo') ?? '';
      const unused = folderNames(trees).filter((digest) => !kept.has(digest) && !mounts.includes(`rootfs/${digest}`));
      for (const digest of unused) rmSync(join(trees, digest), { recursive: true, force: true });
      return unused;
    },
  };
}

const names = (folder: string): readonly ImageName[] =>
  folderNames(folder).flatMap((file) => {
    const name = ImageName.safeParse(file.endsWith('.json') ? file.slice(0, -5) : '');
    return name.success ? [name.data] : [];
  });

const fileOf = (folder: string, name: ImageName): string => join(folder, `${name}.json`);

function readImage(folder: string, name: ImageName): ImageFile | undefined {
  const text = readOptional(fileOf(folder, name));
  return text === undefined ? undefined : ImageFile.parse(JSON.parse(text));
}

function readOrRefuse(folder: string, name: ImageName): ImageFile | undefined {
  try {
    return readImage(folder, name);
  } catch (cause) {
    throw new PlanetLabError(
      'conflict',
      `${fileOf(folder, name)} cannot be read, so it is not known which tree is to stay for it. Build or import ${name} again, or remove that file. Nothing was removed.`,
      { cause },
    );
  }
}

const folderNames = (path: string): readonly string[] => (existsSync(path) ? readdirSync(path).sort() : []);

/** What a simulated node offers: names only. */
export function createSimulatedImages(): ImageStore {
  const image: NodeImage = {
    name: ImageName.parse('debian-12'),
    digest: '0'.repeat(64),
    sizeMiB: 0,
    importedAt: '1970-01-01T00:00:00.000Z',
  };
  return {
    list: () => [image],
    get: (name) => (name === image.name ? image : undefined),
    sourceOf: () => undefined,
    root: (digest) => `/simulated/images/${digest}`,
    tag() {},
    prune: () => [],
  };
}
