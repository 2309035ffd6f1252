import { lutimesSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ImageName } from '@planetlab/model';
import { expect, it } from 'vitest';
import { temporaryFolder } from '../testing/fixtures.ts';
import { addImage } from './add-image.ts';

/** A tree whose sizes and times are always the same, as those of images that are built to be reproduced. */
const tree = (text: string, target: string) => async (root: string) => {
  mkdirSync(join(root, 'bin'));
  writeFileSync(join(root, 'bin/program'), text);
  symlinkSync(target, join(root, 'link'));
  for (const path of ['bin/program', 'bin', 'link', '']) lutimesSync(join(root, path), 0, 0);
};

it('an image is another one when what is in a file or where a link leads is another, and else the same', async () => {
  using folder = temporaryFolder();
  const name = ImageName.parse('debian-12');
  const add = async (text: string, target = 'one') => {
    const make = tree(text, target);
    const [image] = await addImage({ folder: folder.path, names: [name], source: 'import', now: () => 1000, make });
    return image?.digest ?? '';
  };
  const first = await add('vulnerable');
  const mended = await add('mended now');
  expect(mended).not.toBe(first);
  expect(await add('mended now')).toBe(mended);
  expect(await add('mended now', 'two')).not.toBe(mended);
  expect(readFileSync(join(folder.path, 'rootfs', mended, 'bin/program'), 'utf8')).toBe('mended now');
});
