import { type Change, plcRoutes } from '@planetlab/contract';
import { type App, sendEvents } from '@planetlab/contract/server';
import { isPlanetLabError, type SliceName } from '@planetlab/model';
import { type Actor, isAdmin, maySeePerson } from '../access/rules.ts';
import type { Announcement } from '../events/record.ts';
import { findOperation } from '../operations/store.ts';
import { getPerson } from '../persons/store.ts';
import { type ServePerson, signInCheck } from '../sessions/authenticate.ts';
import { visibleSliceIds } from '../slices/store.ts';
import type { Db } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import type { ChangeFeed } from './change-feed.ts';

/** Changes within this time come as one. The first of a quiet time is sent at once. */
const COALESCE_MS = 50;
/** A reader so far behind is cut off: it connects again and reads everything anew. */
const PENDING_LIMIT = 10_000;

export function serveWatch(app: App, serve: ServePerson, store: Store, feed: ChangeFeed, stopping: AbortSignal): void {
  serve(app, plcRoutes.watch, async (actor, _input, context) => {
    const visible = isAdmin(actor) ? undefined : await VisibleChanges.load(store.db, actor);
    const signal = AbortSignal.any([context.signal, stopping]);
    const isSignedIn = signInCheck(store, context.request);
    await sendEvents(context, watchChanges(feed, visible, isSignedIn, signal));
  });
}

/** Each changed thing once per round, however often it changed. Ends when changes were missed, or its reader is signed out. */
async function* watchChanges(
  feed: ChangeFeed,
  visible: VisibleChanges | undefined,
  isSignedIn: () => Promise<boolean>,
  signal: AbortSignal,
): AsyncGenerator<Change> {
  const pending = new Map<string, Change>();
  let missed = false;
  let wake: () => void = () => {};
  const onChange = ({ type, name }: Announcement) => {
    pending.set(`${type} ${name}`, { type, name });
    if (pending.size > PENDING_LIMIT) missed = true;
    wake();
  };
  const stop = () => {
    missed = true;
    wake();
  };
  const unsubscribe = feed.subscribe(onChange, stop);
  signal.addEventListener('abort', stop, { once: true });
  try {
    while (!missed && !signal.aborted) {
      if (pending.size === 0) await new Promise<void>((resolve) => (wake = resolve));
      if (!(await isSignedIn())) return;
      const round = [...pending.values()];
      pending.clear();
      yield* visible === undefined ? round : await visible.filter(round);
      await new Promise((resolve) => setTimeout(resolve, COALESCE_MS));
    }
  } finally {
    unsubscribe();
    signal.removeEventListener('abort', stop);
  }
}

/** What one reader may hear of. A slice that was deleted is still announced to who could see it before. */
class VisibleChanges {
  readonly #db: Db;
  readonly #actor: Actor;
  #slices: ReadonlySet<SliceName>;

  private constructor(db: Db, actor: Actor, slices: ReadonlySet<SliceName>) {
    this.#db = db;
    this.#actor = actor;
    this.#slices = slices;
  }

  static async load(db: Db, actor: Actor): Promise<VisibleChanges> {
    return new VisibleChanges(db, actor, await visibleSlices(db, actor));
  }

  async filter(changes: readonly Change[]): Promise<Change[]> {
    const before = this.#slices;
    if (changes.some(({ type }) => type === 'slice')) this.#slices = await visibleSlices(this.#db, this.#actor);
    const allowed: Change[] = [];
    for (const change of changes) if (await this.#sees(change, before)) allowed.push(change);
    return allowed;
  }

  async #sees({ type, name }: Change, before: ReadonlySet<SliceName>): Promise<boolean> {
    // Of an announcement only its number is told; who may not read it does not see it when reading again.
    if (type === 'site' || type === 'node' || type === 'announcement') return true;
    if (type === 'person') return this.#seesPerson(name);
    if (type === 'operation') return this.#seesOperation(name);
    const slice = name.split('@')[0] as SliceName; // only compared
    return before.has(slice) || this.#slices.has(slice);
  }

  async #seesOperation(id: string): Promise<boolean> {
    return findOperation(this.#db, this.#actor, id).then(
      () => true,
      (error) => {
        if (isPlanetLabError(error)) return false;
        throw error;
      },
    );
  }

  async #seesPerson(name: string): Promise<boolean> {
    if (name === this.#actor.email) return true;
    const person = await getPerson(this.#db, name as Actor['email']).catch(() => undefined); // gone: nothing to show
    return person !== undefined && maySeePerson(this.#actor, person.email, person.roles);
  }
}

async function visibleSlices(db: Db, actor: Actor): Promise<ReadonlySet<SliceName>> {
  const rows = await db
    .selectFrom('slices')
    .select('name')
    .where('deleted_at', 'is', null)
    .where('id', 'in', visibleSliceIds(db, actor))
    .execute();
  return new Set(rows.map(({ name }) => name));
}
