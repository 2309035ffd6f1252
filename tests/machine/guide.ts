import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** docs/operating/plc.md, whose commands are run as they stand there. */

const GUIDE = 'docs/operating/plc.md';

const lines = readFileSync(join(import.meta.dirname, '../..', GUIDE), 'utf8').split('\n');

/** A command that stands in the guide as a line, or in a sentence between backquotes. Throws when it does not. */
export function printed(command: string): string {
  if (lines.includes(command) || lines.some((line) => line.includes(`\`${command}\``))) return command;
  throw new Error(`${GUIDE} does not say: ${command}`);
}

/** The block of the guide in which this stands. Throws when there is none. */
export function block(text: string): string {
  const found = blocks().find((each) => each.includes(text));
  if (found === undefined) throw new Error(`${GUIDE} has no block with: ${text}`);
  return found;
}

function blocks(): readonly string[] {
  const all: string[] = [];
  let open: string[] | undefined;
  for (const line of lines) {
    if (!line.startsWith('```')) open?.push(line);
    else if (open === undefined) open = [];
    else {
      all.push(`${open.join('\n')}\n`);
      open = undefined;
    }
  }
  return all;
}
