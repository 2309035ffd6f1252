import type { Source } from './source.ts';
import type { Violation } from './violation.ts';

interface Phrase {
  readonly pattern: RegExp;
  readonly message: string;
}

/** What no text of the repository says. */
const PHRASES: readonly Phrase[] = [
  {
    pattern: /(?:^|[\s'"`(=:,[])(?:\/work\/|\/tmp\/w\/|\/Users\/)/,
    message: 'It names a path of one particular machine; take it from configuration, or make a temporary folder.',
  },
  {
    // Names under example.* are reserved for documentation.
    pattern: /\b(?:registry\.(?!example\b)[a-z0-9-]+\.[a-z]|npm\.pkg\.|registry\s*=\s*https?:)/i,
    message: 'It names a package registry; that is for the configuration of whoever installs, not for the repository.',
  },
];

const UNFINISHED = /\b(TODO|FIXME|XXX)\b/;
const UNFINISHED_MESSAGE = 'It leaves work undone in a comment; do it, or open an issue and remove the note.';

/** Text files, apart from those whose lines are made by programs. */
export function checkPhrases(texts: ReadonlyMap<string, string>): Violation[] {
  return [...texts].flatMap(([file, text]) =>
    PHRASES.flatMap(({ pattern, message }) => linesThatMatch(text, pattern).map((line) => ({ file, line, message }))),
  );
}

/** In TypeScript only comments count, for a program may well have to speak of such words. */
export function checkUnfinished(texts: ReadonlyMap<string, string>, sources: readonly Source[]): Violation[] {
  const inComments = sources.flatMap(({ path, comments }) =>
    comments
      .filter(({ text }) => UNFINISHED.test(text))
      .map(({ line }) => ({ file: path, line, message: UNFINISHED_MESSAGE })),
  );
  const elsewhere = [...texts]
    .filter(([file]) => /\.(sh|md|sql|css|html|ya?ml)$/.test(file))
    .flatMap(([file, text]) =>
      linesThatMatch(text, UNFINISHED).map((line) => ({ file, line, message: UNFINISHED_MESSAGE })),
    );
  return [...inComments, ...elsewhere];
}

function linesThatMatch(text: string, pattern: RegExp): number[] {
  return text.split('\n').flatMap((line, index) => (pattern.test(line) ? [index + 1] : []));
}

const TEST_ROOTS = new Set(['describe', 'it', 'test', 'suite']);

/** All tests run: none is singled out, and one that is left out says why. */
export function checkTestsRun(sources: readonly Source[]): Violation[] {
  return sources.flatMap((source) =>
    source.calls.flatMap((call) => {
      const message = problemWithCall(call.callee, call.argumentCount, hasCommentAt(source, call.line));
      return message === undefined ? [] : [{ file: source.path, line: call.line, message }];
    }),
  );
}

function problemWithCall(callee: readonly string[], argumentCount: number, explained: boolean): string | undefined {
  const [root = '', ...modifiers] = callee;
  if (!TEST_ROOTS.has(root)) {
    const silent = modifiers.at(-1) === 'skip' && argumentCount === 0;
    return silent ? 'It skips a test without saying why; give the reason: skip("reason").' : undefined;
  }
  if (modifiers.includes('only')) return `${callee.join('.')} keeps all other tests from running; remove "only".`;
  const left = modifiers.find((modifier) => ['skip', 'todo', 'fails'].includes(modifier));
  if (left !== undefined) return `${callee.join('.')} leaves a test out for good; make it pass or delete it.`;
  const depends = modifiers.find((modifier) => ['skipIf', 'runIf'].includes(modifier));
  return depends === undefined || explained
    ? undefined
    : `${callee.join('.')} needs its reason in a comment on the line above, and in what it prints.`;
}

const hasCommentAt = ({ comments }: Source, line: number): boolean =>
  comments.some((comment) => comment.endLine === line - 1 || comment.line === line);
