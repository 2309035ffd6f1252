import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createVolumeImages,
  HangingCallError,
  isMountPoint,
  mountOverlay,
  mountVolumeImage,
  prepareOverlayFolders,
  systemRunner,
  unmountAside,
  unmountUnder,
} from '@planetlab/linux';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { whyNotRoot } from './vmm-machines.ts';

const reason = whyNotRoot();
if (reason !== undefined) console.log(`skipped: volumes of slivers: ${reason}`);

// Mounts need root; where there is none, the line above says so.
describe.skipIf(reason !== undefined)('a disk that does not answer', () => {
  let folder = '';
  const path = (name: string) => join(folder, name);
  const freeze = (how: '-f' | '-u') => systemRunner.run({ argv: ['fsfreeze', how, path('disk')] });
  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 'planetlab-volumes-'));
    await createVolumeImages(systemRunner).make(path('image'), 64);
    await mountVolumeImage(path('image'), path('disk'));
  });
  afterEach(async () => {
    await freeze('-u').catch(() => {}); // it is not frozen
    unmountUnder(folder);
    rmSync(folder, { recursive: true, force: true });
  });

  it('is given up, is not tried twice at a time, and is used again when it answers', async () => {
    mkdirSync(path('lower'));
    const overlay = { upper: path('disk/upper'), work: path('disk/work'), target: path('root'), lower: path('lower') };
    prepareOverlayFolders(overlay, 0);
    await freeze('-f');
    await expect(mountOverlay(overlay, 300)).rejects.toThrow(/^mount did not end within 300 ms: overlay of /);
    await expect(mountOverlay(overlay, 300)).rejects.toThrow(HangingCallError);
    await expect(mountOverlay(overlay, 300)).rejects.toThrow('mount still hangs');
    await freeze('-u');
    await expect.poll(() => isMountPoint(overlay.target), { timeout: 30_000 }).toBe(true); // what was given up goes on
    await mountOverlay(overlay);
    for (const point of ['root', 'disk']) await unmountAside(path(point));
    await unmountAside(path('disk'));
    expect([isMountPoint(path('root')), isMountPoint(path('disk'))]).toEqual([false, false]);
  });
});
