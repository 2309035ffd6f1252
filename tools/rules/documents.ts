import { posix } from 'node:path';
import type { Repository, RootManifest, Workspace } from './repository.ts';
import type { Source } from './source.ts';
import type { Violation } from './violation.ts';

const LIST = 'docs/DEPENDENCIES.md';
const HOST_LIST = 'tools/setup/packages.txt';
const HOST_HEADING = 'Packages of the distribution';

/** A package says in one sentence what it is, and in its index what it is for and what it must not know. */
export function checkPackageDocs(workspaces: readonly Workspace[], sources: readonly Source[]): Violation[] {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  return workspaces.flatMap(({ folder, description, ownDependencies }) => {
    const manifest = `${folder}/package.json`;
    const violations: Violation[] = [];
    if (description === undefined)
      violations.push({ file: manifest, message: 'It has no "description"; add one sentence.' });
    if (ownDependencies.length > 0) {
      const message = `It declares ${ownDependencies.join(', ')}; dependencies are declared in the root package.json, once.`;
      violations.push({ file: manifest, message });
    }
    if (!folder.startsWith('packages/')) return violations;
    const index = `${folder}/src/index.ts`;
    const source = byPath.get(index);
    if (source === undefined) violations.push({ file: index, message: 'The package has no index; add its contract.' });
    else if (!source.opensWithDoc) {
      const message = 'It must open with a doc comment: what the package is for, and what it must not know.';
      violations.push({ file: index, line: 1, message });
    }
    return violations;
  });
}

/** Every dependency has a line with its reason in docs/DEPENDENCIES.md, and every line there a dependency. */
export function checkDependencyList({ texts, root }: Pick<Repository, 'texts' | 'root'>): Violation[] {
  const [ofNpm = '', ofHost = ''] = (texts.get(LIST) ?? '').split(`## ${HOST_HEADING}`);
  return [
    ...compare(declared(root), reasons(ofNpm), 'package.json'),
    ...compare(hostPackages(texts.get(HOST_LIST) ?? ''), reasons(ofHost), HOST_LIST),
  ];
}

const declared = (root: RootManifest): string[] => [
  ...root.dependencies,
  ...root.devDependencies,
  ...root.optionalDependencies,
];

/** Lines of the form ``- `name`, `name`: reason``. */
function reasons(markdown: string): string[] {
  return [...markdown.matchAll(/^- ((?:`[^`]+`(?:, )?)+): \S/gm)].flatMap(([, names = '']) =>
    [...names.matchAll(/`([^`]+)`/g)].map(([, name = '']) => name),
  );
}

/** The second word of each line that is not a comment. */
const hostPackages = (list: string): string[] => [
  ...new Set([...list.matchAll(/^(?!#)\S+[ \t]+(\S+)/gm)].map(([, name = '']) => name)),
];

function compare(names: readonly string[], explained: readonly string[], where: string): Violation[] {
  const missing = names.filter((name) => !explained.includes(name));
  const spare = explained.filter((name) => !names.includes(name));
  return [
    ...missing.map((name) => ({
      file: LIST,
      message: `${name} (in ${where}) has no line; add "- \`${name}\`: reason".`,
    })),
    ...spare.map((name) => ({ file: LIST, message: `${name} is not in ${where}; remove its line.` })),
  ];
}

/** Links of documents to files of the repository lead somewhere, and `npm run` names a command that there is. */
export function checkReferences({ texts }: Pick<Repository, 'texts'>): Violation[] {
  const scripts = commandsOf(texts.get('package.json') ?? '{}');
  const isThere = (path: string) => texts.has(path) || [...texts.keys()].some((file) => file.startsWith(`${path}/`));
  return [...texts].flatMap(([file, text]) => {
    if (!file.endsWith('.md')) return [];
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = '']) => link.replace(/#.*$/, ''));
    const lost = links.filter(
      (link) => link !== '' && !/^[a-z]+:/.test(link) && !isThere(posix.join(posix.dirname(file), link)),
    );
    const called = [...text.matchAll(/\bnpm (?:--silent )?run ([a-z][a-z:-]*)/g)].map(([, name = '']) => name);
    const unknown = called.filter((name) => !scripts.includes(name));
    return [
      ...lost.map((link) => ({ file, message: `It links to ${link}, which is not there.` })),
      ...unknown.map((name) => ({ file, message: `package.json has no command "${name}".` })),
    ];
  });
}

function commandsOf(manifest: string): readonly string[] {
  const { scripts = {} } = JSON.parse(manifest) as { scripts?: Record<string, string> }; // our own file
  return Object.keys(scripts);
}
