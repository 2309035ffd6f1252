import { problemOf } from '@planetlab/contract';
import { type ErrorCode, isPlanetLabError, messageOf, PlanetLabError } from '@planetlab/model';
import type { Io } from './io.ts';

/** What to type next, for failures where that is known. The sentence of the error itself says what is wrong. */
const HINTS: Partial<Record<ErrorCode, string>> = {
  not_signed_in: 'Sign in with `pl login --url URL`, or set PLANETLAB_TOKEN.',
  authority_unreachable: 'Name another PLC with --url or PLANETLAB_URL, or start a lab of your own with `pl lab up`.',
  sign_in_failed: 'Forgot it? "Forgot your password?" on the sign-in page of the console sends a link.',
  scope_insufficient: '`pl token list` shows what your tokens are for.',
  unknown_request: '`pl person requests` shows what is asked for.',
  unknown_invitation: '`pl person invitations` shows those that still work.',
  unknown_site: '`pl site list` shows the sites.',
  unknown_person: '`pl person list` shows the people you may see.',
  unknown_key: '`pl key list` and `pl token list` show yours.',
  unknown_node: '`pl node list` shows the nodes.',
  unknown_slice: '`pl slice list` shows the slices you may see.',
  unknown_operation: '`pl operation list` shows those you may see.',
  unknown_sliver: 'Put the slice on the node with `pl slice add-node SLICE NODE`.',
  sliver_not_running: '`pl sliver show SLICE@NODE` says why.',
  node_unreachable: '`pl node show NODE` says since when and why.',
  slice_expired: 'Renew it with `pl slice renew SLICE --for 4w`.',
  renewal_too_far: 'Eight weeks from now is the most.',
  join_token_expired: 'Make a new one with `pl node invite NODE`.',
  join_token_used: 'Make a new one with `pl node invite NODE`.',
};

/** Says on standard error what went wrong: a sentence, its code, and what to do; with `--json` a problem document. */
export function fail(io: Io, thrown: unknown, json: boolean): void {
  const error = expected(thrown);
  if (json) {
    io.stderr.write(`${JSON.stringify(problemOf(error), null, 2)}\n`);
    return;
  }
  // The PLC often says itself what to type.
  const hint = error.message.includes('pl ') ? undefined : HINTS[error.code];
  io.stderr.write(`pl: ${error.message} [${error.code}]\n${hint === undefined ? '' : `    ${hint}\n`}`);
  if (error.code === 'internal' && thrown instanceof Error && io.env['PLANETLAB_DEBUG'] !== undefined) {
    io.stderr.write(`${thrown.stack}\n`);
  }
}

function expected(thrown: unknown): PlanetLabError {
  if (isPlanetLabError(thrown)) return thrown;
  if (isFileError(thrown)) {
    return new PlanetLabError('malformed_request', `${thrown.path}: ${fileTrouble(thrown.code)}.`, { cause: thrown });
  }
  return new PlanetLabError(
    'internal',
    `Something went wrong inside pl: ${messageOf(thrown)}. PLANETLAB_DEBUG=1 shows where; please report it.`,
    { cause: thrown },
  );
}

const isFileError = (thrown: unknown): thrown is { readonly code: string; readonly path: string } =>
  thrown instanceof Error && 'code' in thrown && 'path' in thrown && typeof thrown.path === 'string';

function fileTrouble(code: string): string {
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES') return 'you may not read or write it';
  return code === 'EISDIR' ? 'it is a folder' : `it cannot be used (${code})`;
}

/** Says what is wrong with the command line, from the parser's words. */
export function usageFailure(io: Io, parserMessage: string, json: boolean): void {
  const sentence = usageSentence(parserMessage);
  if (json) fail(io, new PlanetLabError('malformed_request', sentence), true);
  else io.stderr.write(`pl: ${sentence}\n    \`pl help\` lists the commands; each explains itself with --help.\n`);
}

/** `error: unknown command 'slcie'\n(Did you mean slice?)` as sentences. */
export function usageSentence(parserMessage: string): string {
  const [first = '', suggestion] = parserMessage.replace(/^error: /, '').split('\n');
  const sentence = first.charAt(0).toUpperCase() + first.slice(1) + (/[.?!]$/.test(first) ? '' : '.');
  return suggestion === undefined ? sentence : `${sentence} ${suggestion.replace(/^\((.*)\)$/, '$1')}`;
}
