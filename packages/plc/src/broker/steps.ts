import type { LeaseRecord, NodeSliver } from '@planetlab/contract';
import type { NodeIdentity } from '@planetlab/credentials';
import { isPlanetLabError, PlanetLabError, type SliceName, toInstant } from '@planetlab/model';
import type { NodeClient } from '../uplinks/node-client.ts';
import { initialise, type RunInSliver } from './initial-command.ts';
import {
  type BrokerStore,
  forgetSliver,
  storeAccess,
  storeChange,
  storeFailure,
  storeLease,
  storeRefusedChange,
  storeRenewal,
  storeReport,
  storeTags,
} from './store.ts';
import type { BrokerSliver, BrokerStep, HeldLease } from './types.ts';

export interface StepContext {
  readonly store: BrokerStore;
  readonly client: NodeClient;
  readonly node: NodeIdentity;
  readonly run: RunInSliver;
  /** Aborted when the node is gone. */
  readonly closed: AbortSignal;
  holdLease(lease: HeldLease): void;
  dropLease(lease: HeldLease): void;
  /** The latest that the node said about a slice. */
  reportOf(slice: SliceName): NodeSliver | undefined;
  /** Throws when a lease does not say what the node signed. */
  checked(lease: LeaseRecord): HeldLease;
  /** Of the leases of one answer, each or why it does not count. */
  checkedAll(answer: readonly LeaseRecord[]): readonly (HeldLease | Error)[];
  /** The lease, and what the node had said of its sliver by now, are in the database. */
  noted(sliver: BrokerSliver, lease: HeldLease, accessHash: string | null): void;
}

export type StepOutcome = 'done' | 'failed';

/** Leases are asked for together, and all else one by one. */
export type SingleStep = Exclude<BrokerStep, { readonly type: 'request' }>;

/**
 * Takes one step. A node's refusal is an outcome; what is thrown is a failure of ours. Both are tried again after a pause
 * that grows with each failure in a row.
 */
export function runStep(context: StepContext, step: SingleStep): Promise<StepOutcome> {
  switch (step.type) {
    case 'adopt':
      return leased(context, step.sliver, step.lease, null);
    case 'renew':
      return renew(context, step.sliver, step.lease, step.endsMs);
    case 'change':
      return change(context, step.sliver, step.lease);
    case 'stop':
      return setStopped(context, step.sliver, step.lease);
    case 'initialise':
      return initialise(context, step.sliver, step.lease).then(() => 'done');
    case 'hold':
      return storeFailure(context.store, context.node, step.sliver.id, 'refused', step.reason).then(() => 'done');
    case 'access':
      return setAccess(context, step.sliver, step.hash);
    case 'tags':
      return setTags(context, step.sliver, step.hash);
    case 'end':
      return end(context, step.lease);
    case 'forget':
      return forgetSliver(context.store, context.node, step.sliver.id).then(() => 'done');
  }
}

/** Notes the lease with what the node has said of its sliver by then, and after it what was said meanwhile. */
export async function leased(
  context: StepContext,
  sliver: BrokerSliver,
  lease: HeldLease,
  accessHash: string | null,
): Promise<StepOutcome> {
  const { store, node } = context;
  let stored = await storeLease(store, node, sliver.id, lease, accessHash, () => reportUnder(context, lease));
  for (let said = reportUnder(context, lease); said !== undefined && said !== stored; ) {
    await storeReport(store, node, said);
    stored = said;
    said = reportUnder(context, lease); // the newest is stored last
  }
  context.noted(sliver, lease, accessHash);
  return 'done';
}

function reportUnder({ reportOf }: StepContext, { slice, id }: HeldLease): NodeSliver | undefined {
  const report = reportOf(slice);
  return report?.leaseId === id ? report : undefined;
}

export async function refused(context: StepContext, sliver: BrokerSliver, error: unknown): Promise<StepOutcome> {
  if (!(error instanceof PlanetLabError)) throw error;
  const noAnswer = ['node_unreachable', 'timed_out', 'canceled'].includes(error.code);
  const reason = { code: error.code, message: error.message };
  await storeFailure(context.store, context.node, sliver.id, noAnswer ? 'requested' : 'refused', reason);
  return 'failed';
}

async function renew(
  context: StepContext,
  sliver: BrokerSliver,
  lease: HeldLease,
  endsMs: number,
): Promise<StepOutcome> {
  try {
    const params = { lease: lease.id };
    const renewed = context.checked(
      await context.client.renewLease({ params, body: { expiresAt: toInstant(endsMs) } }),
    );
    context.holdLease(renewed);
    await storeRenewal(context.store, context.node, sliver.id, renewed);
    return 'done';
  } catch (error) {
    if (!isPlanetLabError(error)) throw error;
    if (error.code === 'unknown_lease' || error.code === 'lease_expired') context.dropLease(lease);
    return 'failed';
  }
}

/** A node that refuses keeps the lease and its sliver as they are; people are told why. */
async function change(context: StepContext, sliver: BrokerSliver, lease: HeldLease): Promise<StepOutcome> {
  const { resources } = sliver;
  try {
    const params = { lease: lease.id };
    context.holdLease(context.checked(await context.client.changeLease({ params, body: { resources } })));
  } catch (error) {
    if (!isPlanetLabError(error)) throw error;
    if (error.code === 'unknown_lease' || error.code === 'lease_expired') context.dropLease(lease);
    const reason = { code: error.code, message: `It keeps the resources that it had: ${error.message}` };
    await storeRefusedChange(context.store, context.node, sliver.id, reason);
    return 'failed';
  }
  await storeChange(context.store, context.node, sliver.id);
  return 'done';
}

/** The node reports what becomes of the sliver. One that cannot do it is too old, or refuses; it is asked again. */
async function setStopped(context: StepContext, sliver: BrokerSliver, lease: HeldLease): Promise<StepOutcome> {
  try {
    const body = { stopped: sliver.stopped };
    context.holdLease(context.checked(await context.client.changeLease({ params: { lease: lease.id }, body })));
    return 'done';
  } catch (error) {
    if (!isPlanetLabError(error)) throw error;
    if (error.code === 'unknown_lease' || error.code === 'lease_expired') context.dropLease(lease);
    return 'failed';
  }
}

async function setAccess(context: StepContext, sliver: BrokerSliver, hash: string): Promise<StepOutcome> {
  try {
    await context.client.setAccess({ params: { slice: sliver.slice }, body: { keys: [...sliver.keys] } });
  } catch (error) {
    if (!isPlanetLabError(error)) throw error;
    return 'failed';
  }
  await storeAccess(context.store, context.node, sliver.id, hash);
  return 'done';
}

/** A node that is too old to tell them is asked again, ever less often. */
async function setTags(context: StepContext, sliver: BrokerSliver, hash: string | null): Promise<StepOutcome> {
  try {
    await context.client.setTags({ params: { slice: sliver.slice }, body: { tags: sliver.tags } });
  } catch (error) {
    if (!isPlanetLabError(error)) throw error;
    return 'failed';
  }
  await storeTags(context.store, context.node, sliver.id, hash);
  return 'done';
}

async function end(context: StepContext, lease: HeldLease): Promise<StepOutcome> {
  try {
    await context.client.endLease({ params: { lease: lease.id } });
  } catch (error) {
    if (!isPlanetLabError(error)) throw error;
    if (error.code !== 'unknown_lease' && error.code !== 'lease_expired') return 'failed';
  }
  context.dropLease(lease);
  return 'done';
}
