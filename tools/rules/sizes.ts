import type { Source } from './source.ts';
import type { Violation } from './violation.ts';

export const MAX_FILE_LINES = 350;
export const MAX_FUNCTION_LINES = 70;

/** Sizes above the limits that were accepted once: by file, or by `file#function`. They may only shrink. */
export type SizeExceptions = Readonly<Record<string, number>>;

/** Files and functions keep to their limits, or to the number they had when the exception was made. */
export function checkSizes(sources: readonly Source[], exceptions: SizeExceptions): Violation[] {
  const sizes = sources.flatMap((source) => [
    { key: source.path, file: source.path, line: 1, lines: source.lines, max: MAX_FILE_LINES, what: 'The file' },
    ...source.functions.map(({ name, line, lines }) => ({
      key: `${source.path}#${name}`,
      file: source.path,
      line,
      lines,
      max: MAX_FUNCTION_LINES,
      what: `The function ${name}`,
    })),
  ]);
  const largest = new Map<string, number>();
  for (const { key, lines } of sizes) largest.set(key, Math.max(lines, largest.get(key) ?? 0));
  const tooLong = sizes
    .filter(({ key, lines, max }) => lines > Math.max(max, exceptions[key] ?? 0))
    .map(({ key, file, line, lines, max, what }) => ({
      file,
      line,
      message: `${what} has ${lines} lines; ${exceptions[key] ?? max} is the most. Split it by what its parts are for.`,
    }));
  return [...tooLong, ...staleExceptions(largest, exceptions)];
}

function staleExceptions(largest: ReadonlyMap<string, number>, exceptions: SizeExceptions): Violation[] {
  return Object.entries(exceptions).flatMap(([key, accepted]) => {
    const lines = largest.get(key) ?? 0;
    const limit = key.includes('#') ? MAX_FUNCTION_LINES : MAX_FILE_LINES;
    if (lines >= accepted && accepted > limit) return [];
    const change = lines > limit ? `lower the number to ${lines}` : 'remove the line';
    const message = `${key} has ${lines} lines now, and ${accepted} are accepted: ${change}.`;
    return [{ file: 'tools/rules/size-exceptions.ts', message }];
  });
}
