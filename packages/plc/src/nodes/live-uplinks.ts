import type { Db, Trx } from '../store/schema.ts';
import { PROCESS_DEAD_AFTER_MS } from './liveness.ts';

/** The uplinks that count: held by a process that is alive. */
export const liveUplinks = (db: Db | Trx, now: Date) =>
  db
    .selectFrom('uplinks')
    .innerJoin('processes', 'processes.id', 'uplinks.process_id')
    .where('processes.heartbeat_at', '>', new Date(now.getTime() - PROCESS_DEAD_AFTER_MS))
    .select(['uplinks.node_id', 'uplinks.connected_at', 'processes.heartbeat_at']);
