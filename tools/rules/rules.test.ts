import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { checkCycles } from './cycles.ts';
import { checkDependencyList, checkPackageDocs, checkReferences } from './documents.ts';
import { checkImportsOfOthers, checkImportsOfOurs } from './imports.ts';
import { readRepository } from './repository.ts';
import { SIZE_EXCEPTIONS } from './size-exceptions.ts';
import { checkSizes } from './sizes.ts';
import { formatViolation, type Violation } from './violation.ts';
import { checkPhrases, checkTestsRun, checkUnfinished } from './words.ts';

/** The rules applied to this repository. What each looks for stands in its own file and is tested beside it. */
const repository = readRepository(fileURLToPath(new URL('../..', import.meta.url)));
const { texts, sources, workspaces, root } = repository;

const expectNone = (violations: readonly Violation[]): void => expect(violations.map(formatViolation)).toEqual([]);

describe('in this repository', () => {
  it('packages import only what DESIGN’s arrows allow, through exports', () => {
    expectNone(checkImportsOfOurs(sources, workspaces));
  });

  it('third-party imports are declared at the root', () => expectNone(checkImportsOfOthers(sources, root)));

  it('no files import each other in a circle', () => expectNone(checkCycles(sources)));

  it('every package says what it is for and what it must not know', () => {
    expectNone(checkPackageDocs(workspaces, sources));
  });

  it('every dependency has its reason, and every reason its dependency', () => {
    expectNone(checkDependencyList(repository));
  });

  it('what documents link to and call is there', () => expectNone(checkReferences(repository)));

  it('functions and files keep to their lengths', () => expectNone(checkSizes(sources, SIZE_EXCEPTIONS)));

  it('no text names one machine’s paths or a package registry', () => expectNone(checkPhrases(texts)));

  it('no comment leaves work undone', () => expectNone(checkUnfinished(texts, sources)));

  it('no test is singled out, and none is left out without a reason', () => expectNone(checkTestsRun(sources)));
});
