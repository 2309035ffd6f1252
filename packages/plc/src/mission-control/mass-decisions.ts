import { createHash } from 'node:crypto';
import type { MassDecision, MassPreview, Operation } from '@planetlab/contract';
import { NodeName, PlanetLabError, type SelectionRequest, SliceName } from '@planetlab/model';
import type { Actor } from '../access/rules.ts';
import { startOperation } from '../operations/start.ts';
import { findOperation, toOperation } from '../operations/store.ts';
import { chooseNodes } from '../selection/choose.ts';
import type { Store } from '../store/store.ts';
import { DEEDS, type Deed } from './deeds.ts';
import { matchingPersons, matchingSlices } from './matching.ts';
import { carryOut, storePending } from './pending-decisions.ts';

/** What a decision would do, to each thing. Throws `malformed_request` when it does not say to what. */
export async function previewDecision(store: Store, actor: Actor, decision: MassDecision): Promise<MassPreview> {
  const { on, effect } = DEEDS[decision.action];
  const subjects = await subjectsOf(store, actor, decision, on);
  const items = subjects.toSorted().map((subject) => ({ subject, effect }));
  const named = JSON.stringify([decision.action, decision.reason, items.map(({ subject }) => subject)]);
  return { action: decision.action, digest: createHash('sha256').update(named).digest('base64url'), items };
}

async function subjectsOf(
  store: Store,
  actor: Actor,
  { action, nodes, slices, persons }: MassDecision,
  on: Deed['on'],
): Promise<readonly string[]> {
  const given = { nodes, slices, persons };
  const others = Object.entries(given).filter(([what, filter]) => filter !== null && what !== on);
  if (given[on] === null || others.length > 0)
    throw new PlanetLabError('malformed_request', `The action ${action} is about ${on}: say which, and nothing else.`);
  if (nodes !== null) return nodesIn(store, nodes);
  if (slices !== null) return matchingSlices(store.db, slices);
  return persons === null ? [] : matchingPersons(store.db, persons, actor.email);
}

async function nodesIn(store: Store, request: SelectionRequest): Promise<readonly string[]> {
  const FIXED_SEED = 0; // the same choice in preview and application
  return (await chooseNodes(store, request, FIXED_SEED)).chosen;
}

/** Of the carrying out alone; nodes follow in their own time. */
const DEADLINE_SECONDS = 3600;

/**
 * Does exactly what the preview with this digest said, each thing by itself: one that fails does not keep the others. What
 * was decided is written first, so that it is done whatever becomes of this process. Throws `conflict` when something else
 * is selected by now.
 */
export async function applyDecision(
  store: Store,
  actor: Actor,
  decision: MassDecision,
  digest: string,
): Promise<Operation> {
  const preview = await previewDecision(store, actor, decision);
  if (preview.digest !== digest)
    throw new PlanetLabError(
      'conflict',
      `This is not what the preview showed: ${preview.items.length} are selected now. Look at a new preview and apply that.`,
    );
  const { action, reason } = decision;
  const { on } = DEEDS[action];
  const subjects = preview.items.map(({ subject }) => subject);
  const { id } = await store.db.transaction().execute(async (trx) => {
    const operation = await startOperation(trx, {
      at: store.now(),
      actor: actor.principal,
      kind: action,
      subject: `${subjects.length} ${on}`,
      deadlineSeconds: DEADLINE_SECONDS,
      items: subjects.map((subject) => ({ goal: 'none', subject, ...about(on, subject), state: 'waiting' })),
    });
    await storePending(trx, { operation: operation.id, action, reason, actor: actor.principal }, subjects);
    return operation;
  });
  await carryOut(store, id);
  return toOperation(await findOperation(store.db, actor, id));
}

const about = (on: Deed['on'], subject: string) =>
  on === 'nodes' ? { node: NodeName.parse(subject) } : on === 'slices' ? { slice: SliceName.parse(subject) } : {};
