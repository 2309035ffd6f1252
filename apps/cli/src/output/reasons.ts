import type { Reason } from '@planetlab/contract';
import { ERROR_KINDS, type Fault, isErrorCode } from '@planetlab/model';

const FAULTS: Readonly<Record<Fault, string>> = {
  caller: 'the request’s',
  node: 'the node’s',
  authority: 'the authority’s',
  platform: 'the platform’s',
};

/** The sentence and its code, in full: an answer to "why not?". */
export const reasonLine = (reason: Reason | null): string =>
  reason === null ? '' : `${reason.message} [${reason.code}]`;

/** Whose fault a code is, in words; empty for a code that this version does not know. */
export const faultOf = (code: string): string => (isErrorCode(code) ? FAULTS[ERROR_KINDS[code].fault] : '');
