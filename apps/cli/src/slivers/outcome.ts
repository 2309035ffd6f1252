import type { Reason, Sliver } from '@planetlab/contract';
import { isErrorCode, PlanetLabError } from '@planetlab/model';
import { isSettled } from './wait.ts';

/** Throws when not all of them run: with the code of the first failure, and the reason of each. */
export function demandAllRunning(slice: string, nodes: readonly string[], slivers: readonly Sliver[]): void {
  const failures = nodes.flatMap((node) => {
    const reason = whyNotRunning(slivers.find((sliver) => sliver.node === node));
    return reason === undefined ? [] : [{ node, reason }];
  });
  const [first] = failures;
  if (first === undefined) return;
  throw new PlanetLabError(
    isErrorCode(first.reason.code) ? first.reason.code : 'step_failed',
    `${slice} does not run on ${failures.length} of ${nodes.length} ${nodes.length === 1 ? 'node' : 'nodes'}. ${failures
      .slice(0, 3)
      .map(({ node, reason }) => `${node}: ${reason.message}`)
      .join(' ')}${failures.length > 3 ? ` And ${failures.length - 3} more.` : ''}`,
    { details: { nodes: failures.map(({ node }) => node) } },
  );
}

function whyNotRunning(sliver: Sliver | undefined): Reason | undefined {
  if (sliver === undefined) return { code: 'unknown_sliver', message: 'it was removed meanwhile.' };
  if (sliver.state === 'running') return undefined;
  if (!isSettled(sliver)) {
    return { code: 'timed_out', message: `it is still ${sliver.state}; it goes on, see \`pl sliver list\`.` };
  }
  return sliver.reason ?? { code: 'step_failed', message: `it is ${sliver.state}, and the node did not say why.` };
}
