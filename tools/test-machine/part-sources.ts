import { createHash } from 'node:crypto';
import { posix } from 'node:path';

/** The project's files: all paths, and how to read one. */
export interface Project {
  readonly paths: readonly string[];
  readonly read: (path: string) => string | Buffer;
}

/** What the machine itself is made of. */
const MACHINE = /^(tools\/test-machine\/(?!.*\.test\.ts$)|tools\/setup\/packages\.txt$)/;
/** Changes nothing that runs in the machine. */
const ASIDE = /^(docs|bench|tests|tools\/rules|\.github)\/|\.md$|\.test\.tsx?$/;
/** The authority's side, of which a node knows nothing. */
const CENTRE = /^(apps\/(cli|console|plc)|packages\/(lab|plc|selection)|packaging\/plc|services)\//;
const NAMES_CENTRE = /@planetlab\/(lab|plc)\b|\b(cli|plc)\/main\.ts|plc-package|planetlab-plc/;
const IMPORT = /\bfrom '(\.{1,2}\/[^']+)'/g;
/** A guide whose commands it runs. */
const GUIDE = /'(docs\/[^']+\.md)'/g;

/**
 * The files that decide how a part ends: the product as far as the part has to do with it, the part's own program with
 * what it imports, and the machine. Without a program, the machine alone.
 */
export function sourcesOf(program: string | undefined, project: Project): readonly string[] {
  if (program === undefined) return project.paths.filter((path) => MACHINE.test(path));
  const own = withImports(program, project);
  const centre = [...own].some((path) => NAMES_CENTRE.test(String(project.read(path))));
  return project.paths.filter(
    (path) => own.has(path) || MACHINE.test(path) || (!ASIDE.test(path) && (centre || !CENTRE.test(path))),
  );
}

/** A file, what it imports by a path, the guides that it names, and so on. */
function withImports(program: string, { paths, read }: Project): ReadonlySet<string> {
  const known = new Set(paths);
  const found = new Set<string>();
  const waiting = [program];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (found.has(path) || !known.has(path)) continue;
    found.add(path);
    const text = String(read(path));
    for (const [, specifier = ''] of text.matchAll(IMPORT)) waiting.push(posix.join(posix.dirname(path), specifier));
    for (const [, guide = ''] of text.matchAll(GUIDE)) waiting.push(guide);
  }
  return found;
}

/** One value for what a part tests: the same files give the same. */
export function sourcesKey(program: string | undefined, project: Project): string {
  const hash = createHash('sha256');
  for (const path of sourcesOf(program, project)) hash.update(`${path}\0`).update(project.read(path)).update('\0');
  return hash.digest('hex').slice(0, 12);
}
