import { createHash } from 'node:crypto';
import type { MassAction, MassDecision, MassPreview, Operation } from '@planetlab/contract';
import {
  isPlanetLabError,
  NodeName,
  PersonEmail,
  PlanetLabError,
  type Principal,
  type SelectionRequest,
  SliceName,
} from '@planetlab/model';
import type { Actor } from '../access/rules.ts';
import { decideNode } from '../nodes/decide.ts';
import { getNode } from '../nodes/store.ts';
import { type NewItem, startOperation } from '../operations/start.ts';
import { chooseNodes } from '../selection/choose.ts';
import { resumeSlice, suspendSlice } from '../slices/change.ts';
import type { Store } from '../store/store.ts';
import { lift, stop } from './kill-switches.ts';
import { matchingPersons, matchingSlices } from './matching.ts';

/** What an action does to one thing, and what it says in a preview. */
interface Deed {
  readonly on: 'nodes' | 'slices' | 'persons';
  readonly effect: string;
  apply(store: Store, actor: Principal, subject: string, reason: string): Promise<unknown>;
}

const node =
  (what: 'drain' | 'quarantine', begins: boolean): Deed['apply'] =>
  async (store, actor, subject, reason) =>
    decideNode(
      store,
      actor,
      await getNode(store.db, NodeName.parse(subject), store.now()),
      what,
      begins ? reason : null,
    );

const DEEDS: Readonly<Record<MassAction, Deed>> = {
  'node.drain': { on: 'nodes', effect: 'takes no new slivers', apply: node('drain', true) },
  'node.undrain': { on: 'nodes', effect: 'takes new slivers again', apply: node('drain', false) },
  'node.quarantine': {
    on: 'nodes',
    effect: 'its slivers are stopped and keep their disks',
    apply: node('quarantine', true),
  },
  'node.end-quarantine': { on: 'nodes', effect: 'its slivers run again', apply: node('quarantine', false) },
  'slice.suspend': {
    on: 'slices',
    effect: 'its slivers are stopped and keep their disks; its people are mailed',
    apply: (store, actor, subject, reason) => suspendSlice(store, actor, SliceName.parse(subject), reason),
  },
  'slice.resume': {
    on: 'slices',
    effect: 'its slivers run again, unless it is suspended for another cause',
    apply: (store, actor, subject) => resumeSlice(store, actor, SliceName.parse(subject)),
  },
  'person.stop': {
    on: 'persons',
    effect: 'tokens, sessions and keys are refused',
    apply: (store, actor, subject, reason) =>
      stop(store, actor, { kind: 'person', name: PersonEmail.parse(subject) }, reason),
  },
  'person.let-go': {
    on: 'persons',
    effect: 'tokens, sessions and keys are good again',
    apply: (store, actor, subject) => lift(store, actor, { kind: 'person', name: PersonEmail.parse(subject) }),
  },
};

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

const AT_ONCE = 5;
const DEADLINE_SECONDS = 60;

/**
 * Does exactly what the preview with this digest said, each thing by itself: one that fails does not keep the others.
 * Throws `conflict` when something else is selected by now.
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
  const { on, apply } = DEEDS[decision.action];
  const items: NewItem[] = [];
  for (let from = 0; from < preview.items.length; from += AT_ONCE) {
    const some = preview.items.slice(from, from + AT_ONCE);
    const done = some.map(({ subject }) =>
      itemOf(on, subject, apply(store, actor.principal, subject, decision.reason)),
    );
    items.push(...(await Promise.all(done)));
  }
  return store.db.transaction().execute((trx) =>
    startOperation(trx, {
      at: store.now(),
      actor: actor.principal,
      kind: decision.action,
      subject: `${items.length} ${on}`,
      deadlineSeconds: DEADLINE_SECONDS,
      items,
    }),
  );
}

async function itemOf(on: Deed['on'], subject: string, deed: Promise<unknown>): Promise<NewItem> {
  const about =
    on === 'nodes' ? { node: NodeName.parse(subject) } : on === 'slices' ? { slice: SliceName.parse(subject) } : {};
  try {
    await deed;
    return { goal: 'none', subject, ...about, state: 'done' };
  } catch (error) {
    if (!isPlanetLabError(error)) throw error;
    return { goal: 'none', subject, ...about, state: 'failed', reason: { code: error.code, message: error.message } };
  }
}
