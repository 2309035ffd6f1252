import { Allowance } from '../uplinks/allowance.ts';
import { floods } from '../uplinks/flood.ts';

/** A node with a thousand slivers tells of each when it connects, and of each step when all are started. */
const REPORTS = { atOnce: 10_000, perSecond: 100 };
/** A report counts as several when it is long: of what a node says, much is kept. */
const CHARACTERS_PER_REPORT = 2048;
/** One that is longer says nothing that a person would read. */
const REPORT_LIMIT_CHARACTERS = 65_536;

/** Whether a report of so many characters is heard, as long as the node leaves room for others. Throws `node_floods`. */
export function admitsReports(): (characters: number) => boolean {
  const allowance = new Allowance(REPORTS);
  return (characters) => {
    if (!allowance.take(Math.ceil(characters / CHARACTERS_PER_REPORT)))
      throw floods(`more reports than ${REPORTS.atOnce} at once and ${REPORTS.perSecond} a second`);
    return characters <= REPORT_LIMIT_CHARACTERS;
  };
}
