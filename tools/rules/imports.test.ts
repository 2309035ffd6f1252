import { describe, expect, it } from 'vitest';
import { ALLOWED_IMPORTS } from './allowed-imports.ts';
import { checkImportsOfOthers, checkImportsOfOurs } from './imports.ts';
import type { Workspace } from './repository.ts';
import { parseSource } from './source.ts';

const workspace = (folder: string, name: string, exports = ['.']): Workspace => ({
  folder,
  name: `@planetlab/${name}`,
  description: 'x',
  exports,
  ownDependencies: [],
});

const workspaces = [
  workspace('packages/model', 'model'),
  workspace('packages/linux', 'linux'),
  workspace('packages/vmm', 'vmm', ['.', './oci']),
  workspace('packages/plc', 'plc'),
  workspace('packages/node-manager', 'node-manager'),
  workspace('apps/plc', 'plc-app'),
];

const messages = (path: string, specifier: string): string[] =>
  checkImportsOfOurs([parseSource(path, `import '${specifier}';`)], workspaces).map(({ message }) => message);

describe('imports of ours', () => {
  it.each([
    ['packages/vmm/src/oci/driver.ts', '@planetlab/linux'],
    ['packages/node-manager/src/a.ts', '@planetlab/vmm/oci'],
    ['packages/node-manager/src/a/b.ts', '../c.ts'],
    ['tests/faults/a.test.ts', '@planetlab/plc'],
    ['services/monitor/src/a.ts', '@planetlab/model'],
    ['packages/model/src/a.ts', 'node:crypto'],
  ])('%s may import %s', (path, specifier) => {
    expect(messages(path, specifier)).toEqual([]);
  });

  it.each([
    ['packages/plc/src/a.ts', '@planetlab/node-manager', 'meets nodes in the contract only'],
    ['packages/node-manager/src/a.ts', '@planetlab/plc', 'in the contract only'],
    ['packages/linux/src/a.ts', '@planetlab/model', 'nothing of ours'],
    ['services/monitor/src/a.ts', '@planetlab/plc', 'no private door'],
    ['packages/node-manager/src/a.ts', '@planetlab/vmm/src/oci/driver.ts', 'not among the exports'],
    ['packages/node-manager/src/a.ts', '../../vmm/src/vmm.ts', 'by its name'],
    ['tests/host/a.test.ts', '../../packages/vmm/src/vmm.ts', 'by its name'],
    ['tests/end-to-end/a.test.ts', '@planetlab/plc-app', 'entry point'],
    ['packages/plc/src/a.ts', '@planetlab/plc', 'import itself'],
    ['packages/plc/src/a.ts', '@planetlab/nothing', 'not a package'],
    ['packages/new/src/a.ts', 'zod', 'no line'],
  ])('%s may not import %s', (path, specifier, reason) => {
    expect(messages(path, specifier)).toEqual([expect.stringContaining(reason)]);
  });

  it('are allowed in one direction only', () => {
    const reaches = (from: string, seen = new Set<string>()): Set<string> => {
      for (const name of ALLOWED_IMPORTS[`packages/${from}`]?.may ?? []) {
        const next = name.replace('@planetlab/', '');
        if (!seen.has(next)) reaches(next, seen.add(next));
      }
      return seen;
    };
    const packages = Object.keys(ALLOWED_IMPORTS).flatMap((unit) => /^packages\/(.+)$/.exec(unit)?.[1] ?? []);
    for (const name of packages) expect([...reaches(name)]).not.toContain(name);
  });
});

describe('third-party imports', () => {
  const root = { dependencies: ['zod'], devDependencies: ['vitest', '@types/thing'], optionalDependencies: [] };
  const check = (path: string, code: string) =>
    checkImportsOfOthers([parseSource(path, code)], root).map(({ message }) => message);

  it('are fine when they are declared for where they are used', () => {
    expect(check('packages/a/src/a.ts', "import { z } from 'zod/v4'; import 'node:fs'; import './b.ts';")).toEqual([]);
    expect(check('packages/a/src/a.test.ts', "import 'vitest';")).toEqual([]);
    expect(check('packages/a/src/a.ts', "import type { T } from 'thing';")).toEqual([]);
  });

  it('are refused when they are not declared, or declared as a tool and used in production', () => {
    expect(check('packages/a/src/a.ts', "import '@some/other/deep';")).toEqual([
      expect.stringContaining('@some/other '),
    ]);
    expect(check('packages/a/src/a.ts', "import 'vitest';")).toEqual([expect.stringContaining('devDependency')]);
    expect(check('packages/a/src/a.ts', "await import('absent');")).toEqual([expect.stringContaining('absent')]);
  });
});
