import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemRunner } from '@planetlab/linux';
import { ImageName, isPlanetLabError } from '@planetlab/model';
import { createImageStore, importImage } from '@planetlab/node-manager';
import { afterAll, describe, expect, it } from 'vitest';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: unpacking an image with its owners needs root');

// Namespaces, mounts and containers need root; without it the reason is printed above.
describe.runIf(isRoot)('images', () => {
  const scratch = mkdtempSync(join(tmpdir(), 'planetlab-test-image-'));
  const folder = join(scratch, 'images');
  afterAll(() => rmSync(scratch, { recursive: true, force: true }));

  /** An archive with a small tree in it; made by the same tools that people use. */
  async function archive(kind: 'oci-archive' | 'docker-archive', text: string): Promise<string> {
    const work = mkdtempSync(join(scratch, 'make-'));
    const tree = join(work, 'tree');
    mkdirSync(join(tree, 'etc'), { recursive: true });
    writeFileSync(join(tree, 'etc', 'motd'), text);
    symlinkSync('/../../../../../../etc/hostname', join(tree, 'etc', 'link'));
    const image = `${work}/layout:latest`;
    const umoci = (...args: string[]) => systemRunner.run({ argv: ['umoci', ...args] });
    await umoci('init', '--layout', `${work}/layout`);
    await umoci('new', '--image', image);
    await umoci('insert', '--image', image, '--rootless', join(tree, 'etc'), '/etc');
    const file = join(work, 'image.tar');
    await systemRunner.run({
      argv: [
        'skopeo',
        'copy',
        '--insecure-policy',
        `oci:${image}`,
        `${kind}:${file}${kind === 'docker-archive' ? ':x:latest' : ''}`,
      ],
    });
    return file;
  }

  it.each(['oci-archive', 'docker-archive'] as const)('are imported from an %s', async (kind) => {
    const file = await archive(kind, `from ${kind}\n`);
    const [image] = await importImage({ folder, name: kind, file, now: Date.now });
    const store = createImageStore(folder);
    expect(store.list().map(({ name }) => name)).toContain(kind);
    const root = store.root(image?.digest ?? '');
    expect(readFileSync(join(root, 'etc/motd'), 'utf8')).toBe(`from ${kind}\n`);
    expect(statSync(join(root, 'etc/motd')).uid).toBe(0);
    expect(statSync(root).mode & 0o777).toBe(0o755);
  });

  it('are removed when no name stands for them any more', async () => {
    const store = createImageStore(folder);
    const before = store.list();
    const [kept, dropped] = before;
    if (kept === undefined || dropped === undefined) throw new Error('two images were imported before');
    const { name: _, ...tree } = kept;
    store.tag(dropped.name, tree); // both names stand for one tree now
    expect(store.prune()).toEqual([dropped.digest]);
    expect(store.list().map(({ digest }) => digest)).toEqual([kept.digest, kept.digest]);
  });

  it('are refused in words when the file is no archive, or the name no name', async () => {
    const file = join(scratch, 'junk');
    writeFileSync(file, 'junk');
    const codeOf = (name: string, from: string) =>
      importImage({ folder, name, file: from, now: Date.now }).then(
        () => 'none',
        (error: unknown) => isPlanetLabError(error) && error.code,
      );
    expect(await codeOf('junk', file)).toBe('malformed_request');
    expect(await codeOf('junk', join(scratch, 'nothing'))).toBe('unknown_image');
    expect(await codeOf('../junk', file)).toBe('malformed_name');
    expect(createImageStore(folder).get(ImageName.parse('junk'))).toBeUndefined();
  });
});
