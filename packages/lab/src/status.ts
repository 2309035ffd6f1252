import { existsSync } from 'node:fs';
import { handedOverPaths, type LabEnvironment, labPaths, systemEnvironment } from './environment.ts';
import { type LabFacts, readFacts } from './facts.ts';
import { labProcesses, visiblePrograms } from './processes.ts';
import type { LabProcess, LabStatus } from './types.ts';

/** The lab as it is now, this person's own or else one started through sudo; undefined when there is none of this name. */
export async function labStatus(
  name: string,
  environment: LabEnvironment = systemEnvironment(),
): Promise<LabStatus | undefined> {
  const own = labPaths(environment, name);
  const handedOver = handedOverPaths(environment, name);
  const [paths, look] = existsSync(own.facts) ? [own, labProcesses] : [handedOver, visiblePrograms];
  const facts = await readFacts(paths);
  if (facts === undefined || facts === null) return undefined;
  const processes = process.platform === 'linux' ? look(paths, environment.programs) : [];
  return {
    name,
    mode: facts.mode,
    state: stateOf(facts, processes),
    detached: facts.owner === null,
    startedAt: facts.startedAt,
    stateDirectory: paths.root,
    processes,
    access: facts.access,
  };
}

/** Pure: whether what runs is what was made. */
export function stateOf(facts: LabFacts, processes: readonly LabProcess[]): LabStatus['state'] {
  if (facts.access === null) return 'starting';
  const count = (part: LabProcess['part']): number => processes.filter((found) => found.part === part).length;
  const complete = count('plc') > 0 && count('node') >= facts.nodes && (facts.mode === 'simulated' || count('wan') > 0);
  return complete ? 'up' : 'broken';
}
