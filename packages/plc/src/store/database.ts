import { isPlanetLabError, PlanetLabError } from '@planetlab/model';
import { Kysely } from 'kysely';
import pg from 'pg';
import { guarded } from './lost-database.ts';
import { RequestDialect } from './request-transaction.ts';
import type { Db, Schema } from './schema.ts';
import { parseUtc } from './timestamps.ts';

/** How to reach PostgreSQL: a URL, or the socket folder of the private server. */
export type DatabaseAddress = { readonly url: string } | { readonly socketFolder: string };

/** Name of the role and where it works in the private server. */
export const PRIVATE_ROLE = 'planetlab';
export const PRIVATE_DATABASE = 'postgres';
/** Only part of the socket's name: the server listens on no network. */
export const PRIVATE_PORT = 5432;

const BIGINT_OID = 20;
const TIMESTAMPTZ_OID = 1184;
const POOL_CONNECTIONS = 10;
const CONNECT_TIMEOUT_MS = 5_000;
const STATEMENT_TIMEOUT_MS = 30_000;

/**
 * 64-bit integers (ids of events) come as numbers: they stay far below 2^53. Times come as they do otherwise, and sooner:
 * in the way that is usual the session's zone is UTC.
 */
const typeParsers: pg.CustomTypesConfig = {
  getTypeParser(oid, format) {
    // The declared overloads do not take a plain number, which is what every OID is.
    const usual = pg.types.getTypeParser(oid as never, format as never);
    if (oid === BIGINT_OID) return Number as never;
    return oid === TIMESTAMPTZ_OID ? (timeParser(usual) as never) : usual;
  },
};

const timeParser = (usual: (text: string) => unknown) => (text: string) => {
  const ms = parseUtc(text);
  return ms === undefined ? usual(text) : new Date(ms);
};

export function clientConfig(address: DatabaseAddress): pg.ClientConfig {
  const common = { application_name: 'planetlab-plc', types: typeParsers, connectionTimeoutMillis: CONNECT_TIMEOUT_MS };
  if ('url' in address) return { ...common, connectionString: address.url };
  return {
    ...common,
    host: address.socketFolder,
    port: PRIVATE_PORT,
    user: PRIVATE_ROLE,
    database: PRIVATE_DATABASE,
    password: '',
    ssl: false,
  };
}

/** Connections of the pool, and how many wait for one. */
export interface PoolUse {
  readonly used: number;
  readonly idle: number;
  readonly waiting: number;
}

export const openDatabase = (address: DatabaseAddress, onIdleError: (error: Error) => void): Db =>
  openPool(address, onIdleError).db;

/** `onIdleError` hears of connections that break while nobody uses them; the pool makes new ones by itself. */
export function openPool(
  address: DatabaseAddress,
  onIdleError: (error: Error) => void,
): { readonly db: Db; readonly use: () => PoolUse } {
  const pool = new pg.Pool({
    ...clientConfig(address),
    max: POOL_CONNECTIONS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    idleTimeoutMillis: 60_000,
  });
  pool.on('error', onIdleError);
  // One that breaks inside a transaction, between two statements, is nobody's idle connection: unheard, it would end the process.
  pool.on('connect', (client) => client.on('error', onIdleError));
  const use = (): PoolUse => ({
    used: pool.totalCount - pool.idleCount,
    idle: pool.idleCount,
    waiting: pool.waitingCount,
  });
  return { db: new Kysely<Schema>({ dialect: new RequestDialect({ pool: guarded(pool) }) }), use };
}

const UNIQUE_VIOLATION = '23505';

/** Whether a statement failed because such a row exists already. */
export const isDuplicate = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && error.code === UNIQUE_VIOLATION;

const FOREIGN_KEY_VIOLATION = '23503';

/** What callers are told when somebody else has removed what their change was about while it was made; undefined for other failures. */
export function explainGone(error: unknown): PlanetLabError | undefined {
  if (!(error instanceof Error && 'code' in error && error.code === FOREIGN_KEY_VIOLATION)) return undefined;
  const sentence =
    'What this is about was removed or renamed at this moment, and nothing was changed. Look at it again.';
  return new PlanetLabError('conflict', sentence, { cause: error });
}

/** Runs an insert; a row that exists already becomes `already_exists` with this sentence. */
export async function orAlreadyExists<T>(work: Promise<T>, sentence: string): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isPlanetLabError(error) || !isDuplicate(error)) throw error;
    throw new PlanetLabError('already_exists', sentence, { cause: error });
  }
}
