import { createHash } from 'node:crypto';
import type { SshKey, Tags } from '@planetlab/contract';
import { fromInstant, HOUR_MS, type LeaseId, SECOND_MS, type SliceName, sameResources } from '@planetlab/model';
import type { BrokerPlan, BrokerSliver, BrokerStep, HeldLease, NodeView } from './types.ts';

/**
 * What to do next on one node, from what is wanted there and what is there. Pure and level-triggered: it does not matter
 * how the difference came about, and doing a step twice does no harm.
 */
export function planNode(view: NodeView, nowMs: number, leaseMs: number): BrokerPlan {
  const bySlice = Map.groupBy(view.slivers, (sliver) => sliver.slice);
  const slices = new Set([...bySlice.keys(), ...view.leases.keys()]);
  const steps: BrokerStep[] = [];
  let nextMs = Number.POSITIVE_INFINITY;
  const add: Add = (dueMs, step) => {
    const atMs = Math.max(dueMs, view.pausedUntilMs.get(pauseKeyOf(step)) ?? 0);
    if (atMs <= nowMs) steps.push(step);
    else nextMs = Math.min(nextMs, atMs);
  };
  const isNear = (dueMs: number): boolean => dueMs <= nowMs || dueMs < nextMs;
  for (const slice of slices) {
    if (view.busy.has(slice)) continue;
    const slivers = bySlice.get(slice) ?? [];
    const old = slivers.filter((sliver) => !sliver.wanted);
    const wanted = slivers.find((sliver) => sliver.wanted);
    const lease = view.leases.get(slice);
    if (lease !== undefined && (wanted === undefined || view.ends || belongsToOld(lease, old))) {
      add(0, { type: 'end', slice, lease });
    } else if (lease !== undefined && wanted !== undefined) {
      planHeld(add, isNear, view, wanted, lease, nowMs, leaseMs);
    } else if (old.length > 0) {
      for (const sliver of old) if (!stillThere(view, sliver)) add(0, { type: 'forget', sliver });
    } else if (wanted !== undefined && wanted.held !== null) {
      const { state, code } = wanted.shown;
      const told = state === 'refused' && code === wanted.held.code;
      if (!told) add(0, { type: 'hold', sliver: wanted, reason: wanted.held });
    } else if (wanted !== undefined && wanted.sliceEndsMs > nowMs) {
      add(0, { type: 'request', sliver: wanted, endsMs: Math.min(nowMs + leaseMs, wanted.sliceEndsMs) });
    }
  }
  return { steps, nextMs };
}

type Add = (dueMs: number, step: BrokerStep) => void;

/** A renewal that would gain less than this is not worth asking for. */
const RENEWAL_GAIN_MS = SECOND_MS;

function planHeld(
  add: Add,
  isNear: (dueMs: number) => boolean,
  view: NodeView,
  sliver: BrokerSliver,
  lease: HeldLease,
  nowMs: number,
  leaseMs: number,
): void {
  if (sliver.leaseId !== lease.id) {
    add(0, { type: 'adopt', sliver, lease });
    return;
  }
  const hash = accessHashOf(sliver.keys);
  if (sliver.accessHash !== hash) add(0, { type: 'access', sliver, hash });
  const tagsHash = tagsHashOf(lease.id, sliver.tags);
  if (sliver.tagsHash !== tagsHash) add(0, { type: 'tags', sliver, hash: tagsHash });
  if (sliver.stopped !== (lease.stopped ?? null)) add(0, { type: 'stop', sliver, lease });
  if (!sameResources(sliver.resources, lease.resources)) add(0, { type: 'change', sliver, lease });
  const report = view.reports.get(sliver.slice);
  const runs = report?.state === 'running' && report.leaseId === lease.id;
  if (runs && sliver.initialCommand !== '') add(0, { type: 'initialise', sliver, lease });
  const dueMs = view.renewAtMs.get(lease.id) ?? 0;
  if (!isNear(dueMs)) return; // of most slivers there is nothing else to say, and each look at a node is at all of them
  const endsMs = Math.min(nowMs + leaseMs, sliver.sliceEndsMs);
  // What is left of the slice's life may be shorter than a lease: then the last renewal reached its end.
  const reachesMs = Math.min(Math.max(dueMs, nowMs) + leaseMs, sliver.sliceEndsMs);
  if (reachesMs - fromInstant(lease.expiresAt) < RENEWAL_GAIN_MS) return;
  add(dueMs, { type: 'renew', sliver, lease, endsMs });
}

/** Of a sliver that was taken off. One whose request was under way then has no lease noted: it may be this one. */
const belongsToOld = (lease: HeldLease, old: readonly BrokerSliver[]): boolean =>
  old.some((sliver) => sliver.leaseId === null || sliver.leaseId === lease.id);

/** The node still reports the sliver of that lease: it is not gone until the node says so. */
function stillThere(view: NodeView, sliver: BrokerSliver): boolean {
  const report = view.reports.get(sliver.slice);
  return sliver.leaseId !== null && report?.leaseId === sliver.leaseId && report.state !== 'gone';
}

/** One list serves for a slice's slivers on many nodes, and is looked at again and again. */
const hashes = new WeakMap<readonly SshKey[], string>();

/** The same for the same list in any order. The list is not changed afterwards. */
export function accessHashOf(keys: readonly SshKey[]): string {
  const known = hashes.get(keys);
  if (known !== undefined) return known;
  const lines = keys.map(({ person, key }) => `${person} ${key}`).sort();
  const hash = digest(lines.join('\n'));
  hashes.set(keys, hash);
  return hash;
}

/** A sliver of a new lease has been told nothing, whatever that of an earlier one was told. Null for no tags. */
export function tagsHashOf(lease: LeaseId, tags: Tags): string | null {
  const entries = Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return entries.length === 0 ? null : digest(JSON.stringify([lease, entries]));
}

const digest = (text: string): string => createHash('sha256').update(text).digest('base64url');

/**
 * Of the leases that are asked for: however long ago one was renewed, it outlasts an uplink that is gone for an hour, and
 * the time it takes to come back.
 */
export const DEFAULT_LEASE_MS = 4 * HOUR_MS;

/** Half of what is left, so that there is time to try again. */
export const renewalTimeMs = (lease: Pick<HeldLease, 'expiresAt'>, nowMs: number): number =>
  nowMs + Math.max(SECOND_MS / 2, (fromInstant(lease.expiresAt) - nowMs) / 2);

const FIRST_PAUSE_MS = 2 * SECOND_MS;
const LONGEST_PAUSE_MS = 300 * SECOND_MS;

/** Growing pauses: 2 s, 4 s, 8 s ... 5 min. */
export const pauseMs = (failures: number): number => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));

/** What is tried again only after a pause when this step fails. */
export function pauseKeyOf(step: BrokerStep): string {
  switch (step.type) {
    case 'request':
    case 'adopt':
      return step.sliver.id;
    case 'stop':
      return `${step.lease.id} stop`;
    case 'hold':
    case 'initialise':
    case 'access':
    case 'tags':
    case 'forget':
      return `${step.type} ${step.sliver.id}`;
    case 'change': // other resources than were refused are asked for at once
      return `${step.lease.id} ${digest(JSON.stringify(step.sliver.resources))}`;
    case 'renew':
    case 'end':
      return step.lease.id;
  }
}

/** Which sliver a step is about: one step at a time for each. */
export const sliceOfStep = (step: BrokerStep): SliceName => (step.type === 'end' ? step.slice : step.sliver.slice);
