import { messageOf, PlanetLabError } from '@planetlab/model';
import type { PostgresPool } from 'kysely';
import type pg from 'pg';

/** No connection to the database could be had. */
class NoConnectionError extends Error {
  override readonly name: string = 'NoConnectionError';
}

/** All connections of the pool were in use for as long as one waits for them: the database may well answer. */
class NoFreeConnectionError extends NoConnectionError {
  override readonly name = 'NoFreeConnectionError';
}

/** The pool, its failures to connect told from those of any other connection. */
export const guarded = (pool: pg.Pool): PostgresPool => ({
  connect: () =>
    pool.connect().catch((cause: unknown) => {
      const isFull = pool.idleCount === 0 && pool.totalCount >= (pool.options.max ?? Number.POSITIVE_INFINITY);
      throw new (isFull ? NoFreeConnectionError : NoConnectionError)(messageOf(cause), { cause });
    }),
  end: () => pool.end(),
  options: pool.options,
});

/** The server ends, is not up yet, has no place for us, or the connection broke (classes 08, 53 and 57 of SQLSTATE). */
const LOST = new Set([
  '57P01',
  '57P02',
  '57P03',
  '53300',
  '08000',
  '08001',
  '08003',
  '08004',
  '08006',
  'ECONNRESET',
  'EPIPE',
]);
/** What the library says when the connection breaks under a statement; it has no codes for it. */
const BROKEN = /^(Connection terminated|Client has encountered a connection error|Connection ended)/;

const RETRY_AFTER_SECONDS = 2;

/** What callers are told while the database is away; undefined for any other failure. */
export function explainLostDatabase(error: unknown): PlanetLabError | undefined {
  if (!(error instanceof Error)) return undefined;
  const code = 'code' in error ? String(error.code) : '';
  const lost = error instanceof NoConnectionError || LOST.has(code) || BROKEN.test(error.message);
  if (!lost) return undefined;
  return new PlanetLabError(
    'database_unavailable',
    error instanceof NoFreeConnectionError
      ? 'The authority has more to do at this moment than its database takes, and this had to wait too long. Try again in a few seconds.'
      : 'The database of the authority does not answer at this moment, so it is not known whether anything was changed. Try again in a few seconds.',
    { details: { retryAfterSeconds: RETRY_AFTER_SECONDS }, cause: error },
  );
}
