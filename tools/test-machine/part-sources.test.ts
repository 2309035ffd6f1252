import { describe, expect, it } from 'vitest';
import { sourcesKey, sourcesOf } from './part-sources.ts';

const FILES: Readonly<Record<string, string>> = {
  'README.md': '',
  'apps/plc/main.ts': '',
  'docs/x.md': '',
  'package-lock.json': '{}',
  'packages/linux/src/a.test.ts': '',
  'packages/linux/src/a.ts': '',
  'packages/plc/src/b.ts': '',
  'tests/host/fixture.ts': "import { SLOW } from '../slow.ts';",
  'tests/host/node.test.ts': "import { x } from './fixture.ts';\nimport { y } from '@planetlab/linux';",
  'tests/host/other.test.ts': '',
  'tests/host/walk.ts': "const GUIDE = 'docs/x.md'; start('planetlab-plc');",
  'tests/host/wan.test.ts': "import { z } from '@planetlab/lab/wan';",
  'tests/slow.ts': '',
  'tools/setup/packages.txt': '',
  'tools/test-machine/main.ts': '',
};
const project = (change: Readonly<Record<string, string>> = {}) => {
  const all = { ...FILES, ...change };
  return { paths: Object.keys(all).sort(), read: (path: string) => all[path] ?? '' };
};
const NODE = 'tests/host/node.test.ts';

describe('what a part of the run tests', () => {
  it('is for a test of the node its program with what that imports, the node, and the machine', () => {
    expect(sourcesOf(NODE, project())).toEqual([
      ...['package-lock.json', 'packages/linux/src/a.ts', 'tests/host/fixture.ts', NODE, 'tests/slow.ts'],
      ...['tools/setup/packages.txt', 'tools/test-machine/main.ts'],
    ]);
  });

  it('is the centre as well for a test that names it', () => {
    const all = sourcesOf('tests/host/wan.test.ts', project());
    expect(all).toEqual(expect.arrayContaining(['apps/plc/main.ts', 'packages/plc/src/b.ts']));
  });

  it('is the guide as well whose commands are run', () => {
    const all = sourcesOf('tests/host/walk.ts', project());
    expect(all).toEqual(expect.arrayContaining(['apps/plc/main.ts', 'docs/x.md']));
  });

  it('is the machine alone for a part that has no program', () => {
    expect(sourcesOf(undefined, project())).toEqual(['tools/setup/packages.txt', 'tools/test-machine/main.ts']);
  });

  it('has a key that changes with each of its files, and with no other', () => {
    const key = (change: Readonly<Record<string, string>>) => sourcesKey(NODE, project(change));
    for (const path of ['packages/linux/src/a.ts', 'tests/slow.ts', 'package-lock.json', 'packages/linux/src/new.ts'])
      expect(key({ [path]: 'changed' }), path).not.toBe(key({}));
    for (const path of ['docs/x.md', 'packages/plc/src/b.ts', 'tests/host/other.test.ts'])
      expect(key({ [path]: 'changed' }), path).toBe(key({}));
  });
});
