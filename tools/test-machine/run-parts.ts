import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Machine } from './machine.ts';
import type { Part, PartResult } from './parts.ts';
import type { Results } from './results.ts';

export interface Run {
  readonly parts: readonly Part[];
  readonly results: Results;
  /** Folder for what each part says. */
  readonly logs: string;
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Runs the parts, also after one that failed: each machine takes the next when it is done with one. Gives why it ended
 * before the last, if it did.
 */
export async function runParts(machines: readonly Machine[], run: Run): Promise<string | undefined> {
  const { parts, results, say, signal } = run;
  const stopped = untilAborted(signal).then(() => Promise.reject<never>(signal.reason));
  stopped.catch(() => {}); // it may come when nothing is waited for any more
  const left = parts.filter(({ name }) => !results.has(name)).values();
  try {
    await Promise.all(machines.map((machine) => Promise.race([runNext(machine, left, run), machine.ended, stopped])));
    return undefined;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    say(why);
    return why;
  }
}

async function runNext(machine: Machine, left: Iterable<Part>, { results, logs, say }: Run): Promise<void> {
  await machine.agent.ready();
  for (const part of left) {
    say(`${part.name} ...`);
    const result = await runPart(part, machine, logs);
    results.add(result);
    for (const failure of result.failures) say(`  failed: ${part.name}: ${failure}`);
    for (const reason of result.reasons) say(`  ${reason}`);
  }
}

export async function untilAborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
}

async function runPart(part: Part, machine: Machine, logs: string): Promise<PartResult> {
  const startedAt = performance.now();
  const log = join(logs, `${part.name.replaceAll('/', '-')}.log`);
  writeFileSync(log, '');
  const gave = await part.run(machine, (text) => appendFileSync(log, text));
  return { name: part.name, seconds: Math.round((performance.now() - startedAt) / 1000), ...gave };
}
