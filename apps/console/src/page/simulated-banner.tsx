import type { PlcNode } from '@planetlab/contract';

/** Nobody is to mistake a rehearsal for the real thing. */
export function SimulatedBanner({ nodes }: { readonly nodes: readonly PlcNode[] }) {
  const simulated = nodes.filter((node) => node.facts?.vmm.simulated === true).length;
  if (simulated === 0) return null;
  const which = simulated === nodes.length ? 'All nodes here run' : `${simulated} of ${nodes.length} nodes run`;
  return (
    <aside className="pl-notice" data-tone="warn" aria-label="Simulated VMM">
      <p>
        <strong>{which} the simulated VMM.</strong> Their slivers are granted, counted and shown like real ones, but
        there is no machine behind them: no processes, no network, no disk. For real slivers, start them on a host where
        containers can run.
      </p>
    </aside>
  );
}
