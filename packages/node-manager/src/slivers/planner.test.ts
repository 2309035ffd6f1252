import { DEFAULT_RESOURCES, type LeaseId } from '@planetlab/model';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IMAGE, newId, slice } from '../testing/fixtures.ts';
import { nothingOf, plan, planSliver } from './planner.ts';
import type { DesiredNode, DesiredSliver, ObservedNode, ObservedSliver, Step } from './steps.ts';

const SLICES = ['a1_x', 'a1_y', 'b2_z'].map(slice);
const LEASES = SLICES.map(newId);
const OTHER_LEASE = newId();

const desiredSliver = (at: number): DesiredSliver => ({
  slice: SLICES[at] ?? slice('a1_x'),
  lease: LEASES[at] ?? OTHER_LEASE,
  image: IMAGE,
  imageDigest: 'd'.repeat(64),
  resources: DEFAULT_RESOURCES,
  cpuWeight: 1,
  index: at + 2,
  about: 'tags',
});

/** Any state that a crash, a reboot or a person could leave, consistent in itself. */
const observedSliver = (at: number): fc.Arbitrary<ObservedSliver> =>
  fc
    .record({
      volume: fc.constantFrom<LeaseId | 'unknown' | null>(LEASES[at] ?? OTHER_LEASE, OTHER_LEASE, 'unknown', null),
      mounted: fc.boolean(),
      rootMounted: fc.boolean(),
      machine: fc.constantFrom('none', 'created', 'running', 'paused', 'stopped', 'debris'),
      limited: fc.boolean(),
      told: fc.boolean(),
      link: fc.boolean(),
      known: fc.boolean(),
    })
    .map(({ known, ...seen }) => ({
      ...seen,
      slice: SLICES[at] ?? '',
      index: known || seen.link ? at + 2 : null,
      limited: seen.machine === 'none' || seen.limited,
      told: seen.machine === 'none' || seen.told,
      // what is mounted is mounted somewhere
      volume: seen.mounted || seen.rootMounted ? (seen.volume ?? 'unknown') : seen.volume,
    }));

const world = fc
  .tuple(
    fc.subarray([0, 1, 2]),
    fc.tuple(...[0, 1, 2].map((at) => fc.option(observedSliver(at), { nil: undefined }))),
    fc.uniqueArray(fc.integer({ min: 10, max: 20 }), { maxLength: 3 }),
    fc.constantFrom(null, 'old', 'rules'),
    fc.constantFrom(null, 'nobody', 'people'),
  )
  .map(([wanted, seen, strayLinks, network, accounts]) => ({
    desired: { slivers: wanted.map(desiredSliver), network: 'rules', accounts: 'people' } satisfies DesiredNode,
    observed: {
      slivers: seen.filter((each) => each !== undefined),
      strayLinks,
      network,
      accounts,
    } satisfies ObservedNode,
  }));

/** What a step does to what there is; refuses steps that the real executors could not take. */
function apply(observed: ObservedNode, step: Step): ObservedNode {
  const change = (name: string, f: (sliver: ObservedSliver) => Partial<ObservedSliver>): ObservedNode => {
    const before = observed.slivers.find((each) => each.slice === name) ?? nothingOf(name);
    const others = observed.slivers.filter((each) => each.slice !== name);
    return { ...observed, slivers: [...others, { ...before, ...f(before) }] };
  };
  const require = (holds: boolean): void => {
    if (!holds) throw new Error(`${step.kind} cannot be taken now`);
  };
  switch (step.kind) {
    case 'MountRoot':
      return change(step.sliver.slice, (was) => {
        require(was.volume === null || was.volume === step.sliver.lease);
        return { volume: step.sliver.lease, mounted: true, rootMounted: true, index: step.sliver.index };
      });
    case 'CreateMachine':
      return change(step.sliver.slice, (was) => {
        require(was.rootMounted && was.machine === 'none' && was.volume === step.sliver.lease);
        return { machine: 'created', limited: true, told: true };
      });
    case 'AttachNetwork':
      return change(step.sliver.slice, (was) => {
        require(['created', 'running', 'paused'].includes(was.machine));
        return { link: true, index: step.sliver.index };
      });
    case 'StartMachine':
      return change(step.slice, (was) => {
        require(was.machine === 'created' && was.link && was.rootMounted);
        return { machine: 'running' };
      });
    case 'ApplyLimits':
      return change(step.sliver.slice, (was) => {
        require(['created', 'running', 'paused'].includes(was.machine));
        return { limited: true };
      });
    case 'TellSliver':
      return change(step.sliver.slice, (was) => {
        require(['created', 'running', 'paused'].includes(was.machine));
        return { told: true };
      });
    case 'StopMachine':
      return change(step.slice, () => ({ machine: 'stopped' }));
    case 'DestroyMachine':
      return change(step.slice, () => ({ machine: 'none', limited: true, told: true }));
    case 'DetachNetwork':
      return change(step.slice, (was) => {
        require(was.index === step.index && was.machine === 'none');
        return { link: false };
      });
    case 'UnmountRoot':
      return change(step.slice, (was) => {
        require(was.machine === 'none');
        return { mounted: false, rootMounted: false };
      });
    case 'RemoveVolume':
      return change(step.slice, (was) => {
        require(!was.mounted && !was.rootMounted);
        return { volume: null };
      });
    case 'RemoveLink':
      return { ...observed, strayLinks: observed.strayLinks.filter((index) => index !== step.index) };
    case 'ApplyNetwork':
      return { ...observed, network: step.network };
    case 'ApplyAccounts':
      return { ...observed, accounts: step.accounts };
  }
}

const carryOut = (observed: ObservedNode, steps: readonly Step[]) => steps.reduce(apply, observed);

describe('the planner', () => {
  it('leads from any state to the desired one, with steps that can each be taken', () => {
    fc.assert(
      fc.property(world, ({ desired, observed }) => {
        const after = carryOut(observed, plan(desired, observed));
        for (const sliver of after.slivers) {
          const wanted = desired.slivers.find((each) => each.slice === sliver.slice);
          if (wanted === undefined) {
            expect({ ...sliver, index: null }).toEqual(nothingOf(sliver.slice));
          } else {
            expect(['running', 'paused']).toContain(sliver.machine);
            expect(sliver.link).toBe(true);
          }
        }
        expect(after).toMatchObject({ strayLinks: [], network: 'rules', accounts: 'people' });
      }),
    );
  });

  it('has nothing left to do after its plan was carried out', () => {
    fc.assert(
      fc.property(world, ({ desired, observed }) => {
        expect(plan(desired, carryOut(observed, plan(desired, observed)))).toEqual([]);
      }),
    );
  });

  it('comes to the same end when it is interrupted after any step', () => {
    fc.assert(
      fc.property(world, fc.nat(12), ({ desired, observed }, done) => {
        const interrupted = carryOut(observed, plan(desired, observed).slice(0, done));
        const after = carryOut(interrupted, plan(desired, interrupted));
        expect(plan(desired, after)).toEqual([]);
      }),
    );
  });

  it('never touches a running sliver whose lease holds', () => {
    const wanted = desiredSliver(0);
    const running: ObservedSliver = {
      ...{ slice: wanted.slice, index: 2, volume: wanted.lease, mounted: true, rootMounted: true },
      ...{ machine: 'running', link: true, limited: true, told: true },
    };
    expect(planSliver(wanted, running)).toEqual([]);
    expect(planSliver(wanted, { ...running, link: false }).map(({ kind }) => kind)).toEqual(['AttachNetwork']);
    expect(planSliver(wanted, { ...running, limited: false }).map(({ kind }) => kind)).toEqual(['ApplyLimits']);
    expect(planSliver(wanted, { ...running, told: false }).map(({ kind }) => kind)).toEqual(['TellSliver']);
  });

  it('builds anew when the volume is of an earlier lease', () => {
    const wanted = desiredSliver(0);
    const left: ObservedSliver = {
      ...nothingOf(wanted.slice),
      index: 2,
      volume: OTHER_LEASE,
      machine: 'running',
      link: true,
    };
    expect(planSliver(wanted, left).map(({ kind }) => kind)).toEqual([
      ...['StopMachine', 'DestroyMachine', 'DetachNetwork', 'RemoveVolume'],
      ...['MountRoot', 'CreateMachine', 'AttachNetwork', 'StartMachine'],
    ]);
  });

  it('keeps what a stopped sliver has written, and nothing else of it', () => {
    const stopped = { ...desiredSliver(0), stopped: { code: 'sliver_not_running', message: 'by the administrator' } };
    fc.assert(
      fc.property(observedSliver(0), (observed) => {
        const kinds = planSliver(stopped, observed).map(({ kind }) => kind);
        expect(kinds).not.toContain('RemoveVolume');
        expect(kinds).not.toContain('StartMachine');
        expect(kinds.includes('DestroyMachine')).toBe(observed.machine !== 'none');
      }),
    );
  });
});
