import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CommandRunner } from '@planetlab/linux';
import { ImageName } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { NOW_MS, temporaryFolder } from '../testing/fixtures.ts';
import { addImage, withImageLock } from './add-image.ts';
import { createImageStore } from './image-store.ts';

describe('an image that is added', () => {
  it('is on the disk, whole, before a name stands for it', async () => {
    using folder = temporaryFolder();
    const synced: string[] = [];
    const runner: CommandRunner = {
      async run({ argv: [program, ...args] }) {
        const root = args.at(-1) ?? '';
        expect(readFileSync(join(root, 'motd'), 'utf8')).toBe('hello');
        expect(existsSync(join(folder.path, 'small.json'))).toBe(false);
        synced.push([program, args[0]].join(' '));
        return { code: 0, stdout: '', stderr: '' };
      },
    };
    await addImage({
      ...{ folder: folder.path, names: [ImageName.parse('small')], source: 'test', now: () => NOW_MS, runner },
      make: async (root) => writeFileSync(join(root, 'motd'), 'hello'),
    });
    expect(synced).toEqual(['sync -f']);
    expect(createImageStore(folder.path).list()).toMatchObject([{ name: 'small' }]);
  });

  it.each([
    ['empty', ''],
    ['of a process of before that got the number of one that runs', String(process.pid)],
  ])('does not wait for a lock that is %s', async (_what, text) => {
    using folder = temporaryFolder();
    writeFileSync(join(folder.path, 'lock'), text);
    expect(await withImageLock(folder.path, async () => 'done')).toBe('done');
    expect(existsSync(join(folder.path, 'lock'))).toBe(false);
  });

  it('waits for another that is being added', async () => {
    using folder = temporaryFolder();
    const told: string[] = [];
    const first = Promise.withResolvers<void>();
    const both = [
      withImageLock(folder.path, async () => {
        told.push('first begins');
        await first.promise;
        told.push('first ends');
      }),
      withImageLock(folder.path, async () => void told.push('second')),
    ];
    first.resolve();
    await Promise.all(both);
    expect(told).toEqual(['first begins', 'first ends', 'second']);
  });
});
