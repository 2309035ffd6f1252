import { CommanderError } from 'commander';

/** A mistake in the command line that only the command itself can see: exit code 2, as for those the parser finds. */
export const usageError = (sentence: string): CommanderError => new CommanderError(2, 'planetlab.usage', sentence);
