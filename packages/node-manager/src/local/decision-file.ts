import { messageOf, PlanetLabError } from '@planetlab/model';
import { Decisions, NO_DECISIONS } from '../admission/decisions.ts';
import { readOptional, writeFileAtomic } from '../files.ts';

/** The administrator's decisions, in a file of their own: they must outlive the database, and people can read them. */
export interface DecisionFile {
  current(): Decisions;
  /**
   * Calls `act` when the decision is in force; durable when it returns. Throws `step_failed` when it cannot be written
   * down: it is in force all the same, until this process ends.
   */
  change(update: (before: Decisions) => Decisions, act?: () => void): void;
}

export function openDecisionFile(path: string): DecisionFile {
  let decisions = readDecisions(path);
  return {
    current: () => decisions,
    change(update, act) {
      decisions = Decisions.parse(update(decisions));
      act?.(); // first: who is to be stopped may be who has filled the disk
      try {
        writeFileAtomic(path, `${JSON.stringify(decisions, null, 2)}\n`);
      } catch (cause) {
        throw unwritten(path, cause);
      }
    },
  };
}

const unwritten = (path: string, cause: unknown) =>
  new PlanetLabError(
    'step_failed',
    `This holds only until the node manager starts again: ${path} cannot be written (${messageOf(cause)}). Make room on its disk, then decide it once more.`,
    { cause },
  );

/** Throws `malformed_request` for a damaged file: a ban must not be forgotten without a word. */
export function readDecisions(path: string): Decisions {
  const text = readOptional(path);
  if (text === undefined) return NO_DECISIONS;
  const result = Decisions.safeParse(parseJson(text));
  if (result.success) return result.data;
  throw new PlanetLabError(
    'malformed_request',
    `${path} cannot be read, and so it is not known who is banned here. Correct it, or remove it to take back all bans, stops and a drain.`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // refused by the schema
  }
}
