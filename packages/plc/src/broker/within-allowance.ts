import type { NodeEvent } from '@planetlab/contract';
import { Allowance } from '../uplinks/allowance.ts';
import { floods } from '../uplinks/flood.ts';

/** A node with a thousand slivers tells of each when it connects, and of each step when all are started. */
const REPORTS = { atOnce: 10_000, perSecond: 100 };
/** A report counts as several when it is long: of what a node says, much is kept. */
const CHARACTERS_PER_REPORT = 2048;
/** One that is longer says nothing that a person would read. */
const REPORT_LIMIT_CHARACTERS = 65_536;

export const reportAllowance = (): Allowance => new Allowance(REPORTS);

/** What a node reports, as long as it leaves room for others. Throws `node_floods`. */
export async function* withinAllowance(
  events: AsyncIterable<NodeEvent>,
  allowance: Allowance,
): AsyncGenerator<NodeEvent> {
  for await (const event of events) {
    const { length } = JSON.stringify(event);
    if (!allowance.take(Math.ceil(length / CHARACTERS_PER_REPORT)))
      throw floods(`more reports than ${REPORTS.atOnce} at once and ${REPORTS.perSecond} a second`);
    if (length <= REPORT_LIMIT_CHARACTERS) yield event;
  }
}
