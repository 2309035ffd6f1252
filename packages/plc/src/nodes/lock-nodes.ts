import type { NodeId } from '@planetlab/model';
import { sql } from 'kysely';
import type { Trx } from '../store/schema.ts';

/**
 * Holds the rows of these nodes until the transaction ends; all of them by default. Who changes many nodes at once calls it
 * before: they are held in the order of their ids, so that nobody waits in a circle.
 */
export async function lockNodes(trx: Trx, ids?: readonly NodeId[]): Promise<void> {
  await trx
    .selectFrom('nodes')
    .select('id')
    .$if(ids !== undefined, (rows) => rows.where(sql<boolean>`id = any(${ids}::uuid[])`))
    .orderBy('id')
    .forNoKeyUpdate()
    .execute();
}
