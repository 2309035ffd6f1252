/** What is said over the port of the test machine, one JSON value in each line. */

/** To the machine. */
export interface Task {
  readonly id: number;
  /** For `sh -euc`. */
  readonly script: string;
  /** By the machine's clock; then it is killed with all that it started. */
  readonly timeoutMs: number;
}

/** From the machine. */
export type Answer =
  | { readonly ready: true }
  | { readonly id: number; readonly text: string; readonly error: boolean }
  /** `null`: it was killed. */
  | { readonly id: number; readonly code: number | null };
