import type { MassAction } from '@planetlab/contract';
import { NodeName, PersonEmail, type Principal, SliceName } from '@planetlab/model';
import { decideNode } from '../nodes/decide.ts';
import { getNode } from '../nodes/store.ts';
import { resumeSlice, suspendSlice } from '../slices/change.ts';
import type { Store } from '../store/store.ts';
import { lift, stop } from './kill-switches.ts';

/** What an action does to one thing, and what it says in a preview. */
export interface Deed {
  readonly on: 'nodes' | 'slices' | 'persons';
  readonly effect: string;
  /** In one transaction. Throws what is wrong with that thing. */
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

export const DEEDS: Readonly<Record<MassAction, Deed>> = {
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
