import type { MassAction } from '@planetlab/contract';
import { isPlanetLabError, messageOf, type PlanetLabError, type Principal, SECOND_MS } from '@planetlab/model';
import type { Selectable } from 'kysely';
import type { Logger } from 'pino';
import { applyChanges } from '../operations/apply-changes.ts';
import { lockRunning, settleOperation } from '../operations/settle.ts';
import { inRequest } from '../store/request-transaction.ts';
import type { Trx } from '../store/schema.ts';
import type { PendingDecisionTable } from '../store/schema-mission-control.ts';
import type { Store } from '../store/store.ts';
import { DEEDS } from './deeds.ts';

type Pending = Selectable<PendingDecisionTable>;

const AT_ONCE = 5;
const TICK_MS = 5 * SECOND_MS;
/** Until then whoever decided carries it out. */
const CUT_OFF_AFTER_MS = 10 * SECOND_MS;
/** One statement has at most 65,535 parameters. */
const BATCH = 5000;

/** Writes what is to be done, in the transaction that begins the operation. */
export async function storePending(
  trx: Trx,
  what: { readonly operation: string; readonly action: MassAction; readonly reason: string; readonly actor: Principal },
  subjects: readonly string[],
): Promise<void> {
  const { operation, ...decided } = what;
  for (let from = 0; from < subjects.length; from += BATCH) {
    const some = subjects.slice(from, from + BATCH);
    const rows = some.map((subject) => ({ operation_id: operation, subject, ...decided }));
    await trx.insertInto('pending_decisions').values(rows).execute();
  }
}

/** Does what an operation has left to do. Any process may, and several at once: each thing is done once. */
export async function carryOut(store: Store, operation: string): Promise<void> {
  for (;;) {
    const some = await store.db
      .selectFrom('pending_decisions')
      .selectAll()
      .where('operation_id', '=', operation)
      .orderBy('subject')
      .limit(AT_ONCE)
      .execute();
    if (some.length === 0) break;
    await Promise.all(some.map((pending) => carryOutOne(store, pending)));
  }
  await settleOperation(store, operation);
}

/** The deed and its crossing off are one transaction. */
async function carryOutOne(store: Store, pending: Pending): Promise<void> {
  const { action, actor, subject, reason } = pending;
  let isMine = true;
  const begin = async (run: (text: string, parameters: readonly unknown[]) => Promise<readonly unknown[]>) => {
    const rows = await run(CROSS_OFF, [pending.operation_id, subject]);
    isMine = rows.length > 0;
    if (!isMine) throw new Error('another process has done it');
  };
  try {
    await inRequest({ begin }, () => DEEDS[action].apply(store, actor, subject, reason));
  } catch (error) {
    if (!isMine) return;
    if (!isPlanetLabError(error)) throw error;
    await storeFailure(store, pending, error);
  }
}

const CROSS_OFF = 'delete from pending_decisions where operation_id = $1 and subject = $2 returning subject';

async function storeFailure(store: Store, { operation_id, subject }: Pending, error: PlanetLabError): Promise<void> {
  await store.db.transaction().execute(async (trx) => {
    const operation = await lockRunning(trx, [operation_id]).executeTakeFirst();
    const gone = await trx
      .deleteFrom('pending_decisions')
      .where('operation_id', '=', operation_id)
      .where('subject', '=', subject)
      .returning('subject')
      .execute();
    if (operation === undefined || gone.length === 0) return;
    const reason = { code: error.code, message: error.message };
    await applyChanges(trx, store.now(), [{ operation, items: [{ subject, state: 'failed', reason }] }]);
  });
}

/** Carries out what was decided in a process that has ended since. */
export function keepDecisions(store: Store, log: Logger): Disposable {
  let working = false;
  let stopped = false;
  const work = async () => {
    if (working) return;
    working = true;
    try {
      for (const operation of await cutOff(store)) if (!stopped) await carryOut(store, operation);
    } catch (error) {
      if (!stopped) log.warn({ error: messageOf(error) }, 'decisions were not carried out; tried again');
    }
    working = false;
  };
  const timer = setInterval(() => void work(), TICK_MS);
  return {
    [Symbol.dispose]() {
      stopped = true;
      clearInterval(timer);
    },
  };
}

async function cutOff({ db, now }: Store): Promise<readonly string[]> {
  const rows = await db
    .selectFrom('operations')
    .select('id')
    .where('created_at', '<', new Date(now().getTime() - CUT_OFF_AFTER_MS))
    .where('id', 'in', (eb) => eb.selectFrom('pending_decisions').select('operation_id'))
    .orderBy('number')
    .execute();
  return rows.map(({ id }) => id);
}
