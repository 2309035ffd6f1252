import type { SizeExceptions } from './sizes.ts';

/** What is longer than the limits, with its length. Only remove lines and lower numbers. */
export const SIZE_EXCEPTIONS: SizeExceptions = {};
