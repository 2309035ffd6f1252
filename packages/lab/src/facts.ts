import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { isErrno } from '@planetlab/linux';
import { z } from 'zod';
import type { LabPaths } from './environment.ts';
import { type Account, handOver } from './hand-over.ts';

const Access = z.object({
  plcUrl: z.string(),
  tokenFile: z.string(),
  signInLink: z.string().nullable(),
  sshConfigFile: z.string(),
  sshCommand: z.string().nullable(),
});

/** `lab.json`: what `up` decided, for `status` and `down`. Nothing secret, except that the link in `access` works once. */
export const LabFacts = z.object({
  name: z.string(),
  mode: z.enum(['real', 'simulated']),
  subnet: z.number().int(),
  nodes: z.number().int(),
  startedAt: z.string(),
  /** Who made it and waits with it; null when it was detached. */
  owner: z.object({ pid: z.number().int(), startTime: z.number() }).nullable(),
  /** Null until it is up. */
  access: Access.nullable(),
});
export type LabFacts = z.infer<typeof LabFacts>;

/**
 * Undefined when there is no lab, or one that is not this person's; null when there is one whose facts are not complete,
 * left by a kill in the middle.
 */
export async function readFacts(paths: LabPaths): Promise<LabFacts | null | undefined> {
  try {
    const result = LabFacts.safeParse(JSON.parse(await readFile(paths.facts, 'utf8')));
    return result.success ? result.data : null;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EACCES')) return undefined;
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}

export async function writeFacts(paths: LabPaths, facts: LabFacts, handOverTo: Account | null): Promise<void> {
  await mkdir(paths.root, { recursive: true });
  const next = `${paths.facts}.next`;
  await writeFile(next, `${JSON.stringify(facts, null, 2)}\n`, { mode: 0o600 });
  await handOver([next], handOverTo);
  await rename(next, paths.facts);
}
