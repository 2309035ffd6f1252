import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NodeSite } from '@planetlab/contract';
import { describe, expect, it } from 'vitest';
import { temporaryFolder } from '../testing/fixtures.ts';
import { openSiteFile } from './site-file.ts';

const SITE = NodeSite.parse({ name: 'princeton', title: 'Princeton University', place: null });

function open(path: string) {
  const said: string[] = [];
  return {
    said,
    ...openSiteFile(path, { warn: (_fields: unknown, message?: string) => void said.push(message ?? '') }),
  };
}

describe('the site of a node', () => {
  it('is not known until it is told, and known after a restart', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'site.json');
    const first = open(path);
    expect(first.current()).toBeNull();
    first.set(SITE);
    expect(first.current()).toEqual(SITE);
    expect(open(path)).toMatchObject({ said: [] });
    expect(open(path).current()).toEqual(SITE);
  });

  it('is not known when its file is damaged, and the log says so', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'site.json');
    for (const text of ['{"name": "prin', '{"name": "No Site"}']) {
      writeFileSync(path, text);
      const { said, current } = open(path);
      expect(current()).toBeNull();
      expect(said).toEqual(['the file with the site cannot be read']);
    }
  });
});
