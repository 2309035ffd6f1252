import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ImageName } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { NOW_MS, temporaryFolder } from '../testing/fixtures.ts';
import { IMPORTED } from './add-image.ts';
import { buildImage, mmdebstrapArguments, recipeOf, suiteOf } from './build.ts';
import { createImageStore } from './image-store.ts';

describe('an image that is built here', () => {
  it('is of the release that its name says, whatever the host runs', () => {
    expect(suiteOf(ImageName.parse('debian-12'))).toBe('bookworm');
    expect(suiteOf(ImageName.parse('debian-13'))).toBe('trixie');
    expect(mmdebstrapArguments('bookworm', '/images/new').slice(-2)).toEqual(['bookworm', '/images/new']);
  });

  it.each([
    ['was made as it would be now', recipeOf('bookworm')],
    ['is what a person has imported', IMPORTED],
  ])('is left as it is where it %s, when that is asked for', async (_what, source) => {
    using folder = temporaryFolder();
    const name = ImageName.parse('debian-12');
    const image = { digest: 'd'.repeat(64), sizeMiB: 1, importedAt: new Date(NOW_MS).toISOString() };
    mkdirSync(join(folder.path, 'rootfs', image.digest), { recursive: true });
    createImageStore(folder.path).tag(name, image, source);
    const told: string[] = [];
    const progress = (line: string) => void told.push(line);
    const built = await buildImage({ folder: folder.path, name, ifChanged: true, now: () => NOW_MS, progress });
    expect(built).toEqual([{ name, ...image }]);
    expect(told).toEqual([]);
  });

  it('is one that can be built; for others it says what to do', () => {
    expect(() => suiteOf(ImageName.parse('fedora-42'))).toThrow(
      /debian-12 and debian-13 .* image import fedora-42 FILE/,
    );
  });
});
