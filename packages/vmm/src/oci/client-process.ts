import type { ExecProcess } from '../exec.ts';

/** A client of the runtime: its streams are the program's, its end comes after the program's. */
export interface ClientProcess {
  readonly stdin: ExecProcess['stdin'];
  readonly stdout: ExecProcess['stdout'];
  readonly stderr: ExecProcess['stderr'];
  /** Resolves when the client has ended: from then on the program's pid is free, or another's. Never rejects. */
  readonly exited: Promise<unknown>;
  /** The client's exit code, once all output was handed over. Never rejects. */
  readonly ended: Promise<number>;
  /** Hands over no more output, whoever still writes some: then it has ended as soon as it has exited. */
  closeOutput(): void;
  resize(size: { readonly rows: number; readonly columns: number }): void;
}
