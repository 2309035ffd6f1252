import type { ChangeGuard, Guarded, GuardedChange } from '@planetlab/contract/server';
import { DAY_MS, MINUTE_MS, PlanetLabError, type Principal } from '@planetlab/model';
import type { FastifyRequest } from 'fastify';
import { inRequest, type RunStatement } from '../store/request-transaction.ts';
import type { Db } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

/** How long a key is known. */
export const IDEMPOTENCY_KEPT_MS = DAY_MS;
/** A longer reply is not kept: who repeats the request is told that it was done. */
const REPLY_LIMIT_CHARACTERS = 256 * 1024;
/** A request that has claimed its key and not answered for so long has come to an end without us. */
const REPLY_WAIT_MS = MINUTE_MS / 12;
const REPLY_POLL_MS = 50;

/**
 * The key of a change is written in the change's own transaction: a change that was made is known to have been made,
 * whatever is killed when. Its reply is written after it; should we be killed between the two, a repetition is told
 * that the change was made and that its reply is gone. What failed left nothing behind, and is simply tried again.
 */
export function createChangeGuard(
  store: Store,
  principalOf: (request: FastifyRequest) => Principal | undefined,
): ChangeGuard {
  return async <T>(change: GuardedChange, work: () => Promise<T>): Promise<Guarded<T>> => {
    const person = principalOf(change.request);
    const key = person === undefined ? undefined : keyOf(change, person);
    const known = key && (await findReply(store.db, key));
    if (known !== undefined) return replay<T>(store.db, key as Key, known);
    await change.check?.();
    try {
      return { output: await makeChange(store, change, key, work), isReplay: false };
    } catch (error) {
      if (!(error instanceof KeyTaken)) throw error;
      return replay<T>(store.db, error.key, await findReply(store.db, error.key));
    }
  };
}

interface Key {
  readonly person: Principal;
  readonly key: string;
  readonly target: string;
  readonly bodyHash: string;
}

/** Another request with the same key came first. */
class KeyTaken extends Error {
  readonly key: Key;

  constructor(key: Key) {
    super('another request with this key came first');
    this.key = key;
  }
}

function keyOf(change: GuardedChange, person: Principal): Key | undefined {
  const { idempotencyKey: key, target, bodyHash } = change;
  return key === undefined ? undefined : { person, key, target, bodyHash };
}

async function makeChange<T>(
  store: Store,
  change: GuardedChange,
  key: Key | undefined,
  work: () => Promise<T>,
): Promise<T> {
  const at = store.now();
  const begin = async (run: RunStatement): Promise<void> => {
    if (change.resource !== undefined)
      await run('select pg_advisory_xact_lock(hashtextextended($1, 0))', [change.resource]);
    if (key !== undefined) await claim(run, key, at);
    await change.check?.();
  };
  const { output, isCommitted } = await inRequest({ begin }, work);
  if (key !== undefined) await keepReply(store.db, key, at, { output, isCommitted, keepsReply: change.keepsReply });
  return output;
}

/** Waits for another request that has the key in an open transaction. Throws KeyTaken when that was committed. */
async function claim(run: RunStatement, key: Key, at: Date): Promise<void> {
  const rows = await run(
    `insert into idempotency_keys (person, key, target, body_hash, created_at) values ($1, $2, $3, $4, $5)
     on conflict do nothing returning key`,
    [key.person, key.key, key.target, key.bodyHash, at],
  );
  if (rows.length === 0) throw new KeyTaken(key);
}

/** A request that changed nothing has claimed no key yet. */
async function keepReply(
  db: Db,
  { person, key, target, bodyHash }: Key,
  at: Date,
  made: { readonly output: unknown; readonly isCommitted: boolean; readonly keepsReply: boolean },
): Promise<void> {
  const text = JSON.stringify({ output: made.output });
  const reply = made.keepsReply && text.length <= REPLY_LIMIT_CHARACTERS ? text : null;
  const kept = { reply, answered: true };
  if (made.isCommitted) {
    const own = db.updateTable('idempotency_keys').set(kept).where('person', '=', person).where('key', '=', key);
    await own.execute();
    return;
  }
  const row = { person, key, target, body_hash: bodyHash, created_at: at, ...kept };
  await db
    .insertInto('idempotency_keys')
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

const findReply = (db: Db, { person, key }: Key) =>
  db.selectFrom('idempotency_keys').selectAll().where('person', '=', person).where('key', '=', key).executeTakeFirst();
type Known = Awaited<ReturnType<typeof findReply>>;

/** The reply of the request that came first, once it has one. Throws `idempotency_key_reused`, `idempotency_reply_gone`. */
async function replay<T>(db: Db, key: Key, known: Known): Promise<Guarded<T>> {
  if (known !== undefined && (known.target !== key.target || known.body_hash !== key.bodyHash)) {
    throw new PlanetLabError(
      'idempotency_key_reused',
      `This Idempotency-Key was used for another request (${known.target}). Use a new key for each change.`,
    );
  }
  const deadlineMs = performance.now() + REPLY_WAIT_MS;
  let row = known;
  while (row?.answered !== true && performance.now() < deadlineMs) {
    await new Promise((resolve) => setTimeout(resolve, REPLY_POLL_MS));
    row = await findReply(db, key);
  }
  // The document was made by `keepReply` for the same route.
  if (typeof row?.reply === 'string')
    return { output: (JSON.parse(row.reply) as { output: T }).output, isReplay: true };
  throw new PlanetLabError(
    'idempotency_reply_gone',
    'This change was made by an earlier request with the same Idempotency-Key; what it answered is not kept. Read what is there now.',
  );
}

/** Keys that are old enough are forgotten: the same key then means a new change. */
export async function forgetOldKeys({ db, now }: Store): Promise<void> {
  const before = new Date(now().getTime() - IDEMPOTENCY_KEPT_MS);
  await db.deleteFrom('idempotency_keys').where('created_at', '<', before).execute();
}
