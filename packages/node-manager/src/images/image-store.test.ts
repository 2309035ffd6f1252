import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ImageName } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { NOW_MS, temporaryFolder } from '../testing/fixtures.ts';
import { createImageStore } from './image-store.ts';

const DIGEST = 'd'.repeat(64);
const whole = ImageName.parse('debian-12');
const other = ImageName.parse('alpine');
const image = { digest: DIGEST, sizeMiB: 1, importedAt: new Date(NOW_MS).toISOString() };

describe('the store of images', () => {
  it.each([
    ['no JSON', ''],
    ['no image', '{"digest":"x"}'],
  ])('offers the others when the file of one is %s, and says so once', (_what, text) => {
    using folder = temporaryFolder();
    const said: unknown[] = [];
    const store = createImageStore(folder.path, { warn: ({ path }) => void said.push(path) });
    mkdirSync(join(folder.path, 'rootfs', DIGEST), { recursive: true });
    for (const name of [whole, other]) store.tag(name, image);
    const path = join(folder.path, 'alpine.json');
    writeFileSync(path, text);
    expect(store.list().map(({ name }) => name)).toEqual([whole]);
    expect(store.get(other)).toBeUndefined();
    expect(said).toEqual([path]);
    store.tag(other, image);
    expect(store.list()).toHaveLength(2);
  });

  it('removes nothing while it is not known what a name stands for', () => {
    using folder = temporaryFolder();
    const store = createImageStore(folder.path);
    mkdirSync(join(folder.path, 'rootfs', DIGEST), { recursive: true });
    const path = join(folder.path, 'alpine.json');
    writeFileSync(path, '');
    expect(() => store.prune()).toThrow(/alpine\.json cannot be read.* Nothing was removed/);
    rmSync(path);
    expect(store.prune()).toEqual([DIGEST]);
  });
});
