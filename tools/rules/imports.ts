import { posix } from 'node:path';
import { type Allowance, allowanceOf } from './allowed-imports.ts';
import { type RootManifest, unitOf, type Workspace } from './repository.ts';
import type { Import, Source } from './source.ts';
import type { Violation } from './violation.ts';

const OURS = '@planetlab/';

/** Every import of ours follows the table and goes through a package's `exports`; none leaves its unit by a path. */
export function checkImportsOfOurs(
  sources: readonly Source[],
  workspaces: readonly Workspace[],
  allowanceFor: (unit: string) => Allowance | undefined = allowanceOf,
): Violation[] {
  const byName = new Map(workspaces.map((workspace) => [workspace.name, workspace]));
  return sources.flatMap((source) => {
    const unit = unitOf(source.path);
    const allowance = allowanceFor(unit);
    if (allowance === undefined) {
      return [
        {
          file: source.path,
          message: `${unit} has no line in tools/rules/allowed-imports.ts; add one with its reason.`,
        },
      ];
    }
    return source.imports.flatMap((imported) => {
      const message = problemWith(imported, source.path, allowance, byName);
      return message === undefined ? [] : [{ file: source.path, line: imported.line, message }];
    });
  });
}

function problemWith(
  { specifier }: Import,
  path: string,
  allowance: Allowance,
  byName: ReadonlyMap<string, Workspace>,
): string | undefined {
  const unit = unitOf(path);
  if (specifier.startsWith('.')) {
    const target = posix.join(posix.dirname(path), specifier);
    const allowed = unitOf(target) === unit || allowance.mayByPath?.includes(unitOf(target));
    return allowed ? undefined : `"${specifier}" leaves ${unit}; import the other package by its name.`;
  }
  if (!specifier.startsWith(OURS)) return undefined;
  const name = packageName(specifier);
  const target = byName.get(name);
  if (target === undefined) return `${name} is not a package of this repository.`;
  if (target.folder === unit)
    return `A package does not import itself by name; use a relative path for "${specifier}".`;
  if (target.folder.startsWith('apps/'))
    return `${name} is an entry point; nothing imports it. Move what is shared to a package.`;
  if (!allowance.may.includes(name)) {
    const may = allowance.may.length === 0 ? 'nothing of ours' : `only ${allowance.may.join(', ')}`;
    return `${unit} may not import ${name}: it may import ${may}, because ${allowance.because}.`;
  }
  const entry = `.${specifier.slice(name.length)}`;
  return target.exports.includes(entry)
    ? undefined
    : `"${specifier}" is not among the exports of ${name} (${target.exports.join(', ')}); import one of these.`;
}

/** Third-party imports are declared at the root, and what runs in production is not declared as a tool. */
export function checkImportsOfOthers(sources: readonly Source[], root: RootManifest): Violation[] {
  const always = new Set([...root.dependencies, ...root.optionalDependencies]);
  const forTools = new Set(root.devDependencies);
  return sources.flatMap((source) =>
    source.imports.flatMap(({ specifier, line, kind }) => {
      if (/^(\.|node:|virtual:)/.test(specifier) || specifier.startsWith(OURS)) return [];
      const name = packageName(specifier);
      if (always.has(name)) return [];
      if (forTools.has(name) || (kind === 'type' && forTools.has(`@types/${name}`))) {
        if (kind === 'type' || mayUseTools(source.path)) return [];
        const message = `${name} is a devDependency, but this file runs in production; declare it under "dependencies".`;
        return [{ file: source.path, line, message }];
      }
      const message = `${name} is not declared in the root package.json; declare it with an exact version, or do without.`;
      return [{ file: source.path, line, message }];
    }),
  );
}

/** Tests, conformance suites, tools, and the console (which is bundled) may use devDependencies. */
const mayUseTools = (path: string): boolean =>
  /^(tests|tools|bench|apps\/console)\//.test(path) ||
  /\.test\.tsx?$|\/(conformance|testing)(\/|\.ts$)/.test(path) ||
  /(^|\/)vite(st)?\.config\.ts$/.test(path);

/** `@scope/name` or `name`, without what follows. */
export const packageName = (specifier: string): string =>
  specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
