import type { ExecProcess } from '../exec.ts';

/** A client of the runtime: its streams are the program's, its end comes after the program's. */
export interface ClientProcess {
  readonly stdin: ExecProcess['stdin'];
  readonly stdout: ExecProcess['stdout'];
  readonly stderr: ExecProcess['stderr'];
  /** The client's exit code, once all output was handed over. Never rejects. */
  readonly ended: Promise<number>;
  resize(size: { readonly rows: number; readonly columns: number }): void;
}
