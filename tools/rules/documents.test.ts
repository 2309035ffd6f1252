import { describe, expect, it } from 'vitest';
import { checkDependencyList, checkPackageDocs, checkReferences } from './documents.ts';
import { repositoryOf } from './repository.ts';
import { formatViolation } from './violation.ts';

describe('package documents', () => {
  const check = (files: Record<string, string>) => {
    const { workspaces, sources } = repositoryOf(new Map(Object.entries(files)));
    return checkPackageDocs(workspaces, sources).map(formatViolation);
  };

  it('are an index that opens with a comment and a description', () => {
    const manifest = JSON.stringify({ name: '@planetlab/a', description: 'One thing' });
    expect(check({ 'packages/a/package.json': manifest, 'packages/a/src/index.ts': '/** What for. */\n' })).toEqual([]);
    expect(check({ 'packages/a/package.json': manifest, 'packages/a/src/index.ts': 'export {};\n' })).toEqual([
      expect.stringMatching(/^packages\/a\/src\/index.ts:1: .*doc comment/),
    ]);
    expect(check({ 'packages/a/package.json': '{"dependencies":{"x":"1"}}' })).toEqual([
      expect.stringContaining('description'),
      expect.stringContaining('declares x'),
      expect.stringContaining('no index'),
    ]);
  });

  it('of an entry point are only the description', () => {
    expect(check({ 'apps/a/package.json': '{"description":"The command"}' })).toEqual([]);
  });
});

describe('the list of dependencies', () => {
  const check = (list: string) => {
    const manifest = JSON.stringify({ dependencies: { zod: '1', '@a/b': '1' }, optionalDependencies: { node: '1' } });
    const host = '# comment\nall   crun   runs slivers\ntest  iperf3 x\nbench iperf3 x\n';
    const texts = { 'package.json': manifest, 'docs/DEPENDENCIES.md': list, 'tools/setup/packages.txt': host };
    return checkDependencyList(repositoryOf(new Map(Object.entries(texts)))).map(({ message }) => message);
  };
  const hostPart = '## Packages of the distribution\n\n- `crun`: runs.\n- `iperf3`: measures.\n';

  it('has a line with a reason for each, several to a line where they belong together', () => {
    expect(check(`- \`zod\`, \`@a/b\`: because.\n- \`node\`: runs it.\n${hostPart}`)).toEqual([]);
  });

  it('lacks nothing, has nothing to spare, and gives reasons', () => {
    expect(check(`- \`zod\`: because.\n- \`node\`:\n- \`gone\`: was used.\n${hostPart}- \`curl\`: no.\n`)).toEqual([
      expect.stringContaining('@a/b (in package.json) has no line'),
      expect.stringContaining('node (in package.json) has no line'),
      expect.stringContaining('gone is not in package.json'),
      expect.stringContaining('curl is not in tools/setup/packages.txt'),
    ]);
  });
});

describe('references in documents', () => {
  const check = (text: string) => {
    const manifest = JSON.stringify({ scripts: { lab: 'x', 'package:node': 'x' } });
    const files = { 'package.json': manifest, 'docs/a.md': text, 'docs/b/c.md': '', LICENSE: '' };
    return checkReferences(repositoryOf(new Map(Object.entries(files)))).map(formatViolation);
  };

  it('lead to files and folders that are there, and to commands', () => {
    const text =
      '[a](b/c.md#part), [b](b), [c](../LICENSE), [d](https://example.org), [e](#part): `npm run package:node`';
    expect(check(text)).toEqual([]);
    expect(check('[a](c.md) or [b](../docs/b/d.md); `npm --silent run lap -- --once`')).toEqual([
      expect.stringMatching(/^docs\/a.md: It links to c.md/),
      expect.stringContaining('../docs/b/d.md'),
      expect.stringContaining('no command "lap"'),
    ]);
  });
});
