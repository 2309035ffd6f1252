import type { DesiredNode, DesiredSliver, NodeStep, ObservedNode, ObservedSliver, SliverStep, Step } from './steps.ts';

/**
 * What to do so that what is becomes what should be. Pure: no clock, no I/O, and no memory of what was done before, so
 * that it gives the right answer also after a crash in the middle of anything.
 */
export function plan(desired: DesiredNode, observed: ObservedNode): readonly Step[] {
  const wanted = new Map<string, DesiredSliver>(desired.slivers.map((sliver) => [sliver.slice, sliver]));
  const present = new Map(observed.slivers.map((sliver) => [sliver.slice, sliver]));
  const slices = new Set([...present.keys(), ...wanted.keys()]);
  return [
    ...planNode(desired, observed),
    ...[...slices].flatMap((slice) => planSliver(wanted.get(slice), present.get(slice) ?? nothingOf(slice))),
  ];
}

/** The node's own part of the plan. */
export function planNode(
  desired: Omit<DesiredNode, 'slivers'>,
  observed: Omit<ObservedNode, 'slivers'>,
): readonly NodeStep[] {
  return [
    ...observed.strayLinks.map((index) => ({ kind: 'RemoveLink', index }) as const),
    ...(observed.network === desired.network ? [] : [{ kind: 'ApplyNetwork', network: desired.network } as const]),
    ...(observed.accounts === desired.accounts ? [] : [{ kind: 'ApplyAccounts', accounts: desired.accounts } as const]),
  ];
}

/** One sliver's part. Slivers do not depend on each other, so each can be planned and carried out by itself. */
export function planSliver(desired: DesiredSliver | undefined, observed: ObservedSliver): readonly SliverStep[] {
  if (desired === undefined) return removal(observed);
  if (desired.stopped !== undefined) return removal(observed).filter(({ kind }) => kind !== 'RemoveVolume');
  const foreign = observed.volume !== null && observed.volume !== desired.lease;
  // a machine that was made but never started, on a root that is gone, cannot start
  const rootless = observed.machine === 'created' && !observed.rootMounted;
  if (foreign || rootless) return [...removal(observed), ...creation(desired, nothingOf(desired.slice))];
  return creation(desired, observed);
}

export const nothingOf = (slice: string): ObservedSliver => ({
  slice,
  index: null,
  volume: null,
  mounted: false,
  rootMounted: false,
  machine: 'none',
  limited: true,
  told: true,
  link: false,
});

function creation(sliver: DesiredSliver, observed: ObservedSliver): SliverStep[] {
  const { slice } = sliver;
  const changes = [
    ...(observed.limited ? [] : [{ kind: 'ApplyLimits', sliver } as const]),
    ...(observed.told ? [] : [{ kind: 'TellSliver', sliver } as const]),
  ];
  switch (observed.machine) {
    case 'running':
    case 'paused':
      return [...(observed.link ? [] : [{ kind: 'AttachNetwork', sliver } as const]), ...changes];
    case 'created':
      // Its link is made anew even if there is one: the manager may have ended while it was configured.
      return [{ kind: 'AttachNetwork', sliver }, ...changes, { kind: 'StartMachine', slice }];
    default:
      return [
        ...(observed.machine === 'none' ? [] : [{ kind: 'DestroyMachine', slice } as const]),
        ...(observed.rootMounted && observed.volume === sliver.lease ? [] : [{ kind: 'MountRoot', sliver } as const]),
        { kind: 'CreateMachine', sliver },
        { kind: 'AttachNetwork', sliver },
        { kind: 'StartMachine', slice },
      ];
  }
}

/** Whatever there is of a sliver goes, in the order in which nothing is pulled from under anything. */
function removal(observed: ObservedSliver): SliverStep[] {
  const { slice, index } = observed;
  const runs = observed.machine === 'running' || observed.machine === 'paused';
  return [
    ...(runs ? [{ kind: 'StopMachine', slice } as const] : []),
    ...(observed.machine === 'none' ? [] : [{ kind: 'DestroyMachine', slice } as const]),
    ...(observed.link && index !== null ? [{ kind: 'DetachNetwork', slice, index } as const] : []),
    ...(observed.mounted || observed.rootMounted ? [{ kind: 'UnmountRoot', slice } as const] : []),
    ...(observed.volume === null ? [] : [{ kind: 'RemoveVolume', slice } as const]),
  ];
}
