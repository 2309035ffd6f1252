/** One place where the repository does not follow one of its rules. */
export interface Violation {
  /** Path from the repository's root. */
  readonly file: string;
  readonly line?: number;
  /** What is wrong and what to do about it. */
  readonly message: string;
}

/** `file:line: message`, as editors and terminals link it. */
export const formatViolation = ({ file, line, message }: Violation): string =>
  `${file}${line === undefined ? '' : `:${line}`}: ${message}`;
