import { PlanetLabError } from '@planetlab/model';
import { Decisions, NO_DECISIONS } from '../admission/decisions.ts';
import { readOptional, writeFileAtomic } from '../files.ts';

/** The administrator's decisions, in a file of their own: they must outlive the database, and people can read them. */
export interface DecisionFile {
  current(): Decisions;
  /** Durable when it returns. */
  change(update: (before: Decisions) => Decisions): Decisions;
}

export function openDecisionFile(path: string): DecisionFile {
  let decisions = readDecisions(path);
  return {
    current: () => decisions,
    change(update) {
      const next = Decisions.parse(update(decisions));
      writeFileAtomic(path, `${JSON.stringify(next, null, 2)}\n`);
      decisions = next;
      return next;
    },
  };
}

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
