import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SliceName } from '@planetlab/model';
import { readOptional, syncFolder } from '../files.ts';

/**
 * Managers up to 2026-11 kept a file for each lease. Gives what these say to `keep`, which makes it durable, and then
 * removes them.
 */
export function takeOldFiles(folder: string, keep: (held: ReadonlyMap<SliceName, unknown>) => void): void {
  const slices = readdirSync(folder).flatMap(
    (file) => SliceName.safeParse(file.endsWith('.json') ? file.slice(0, -5) : '').data ?? [],
  );
  if (slices.length === 0) return;
  const pathOf = (slice: SliceName) => join(folder, `${slice}.json`);
  keep(new Map(slices.map((slice) => [slice, parsed(readOptional(pathOf(slice)) ?? '')])));
  for (const slice of slices) rmSync(pathOf(slice));
  syncFolder(folder);
}

/** What cannot be read stays as it is, and is found to be damaged later. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
