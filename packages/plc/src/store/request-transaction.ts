import { AsyncLocalStorage } from 'node:async_hooks';
import {
  CompiledQuery,
  type DatabaseConnection,
  type Driver,
  PostgresDialect,
  type PostgresDialectConfig,
} from 'kysely';

/** A statement inside the transaction of a request's change; gives its rows. */
export type RunStatement = (text: string, parameters: readonly unknown[]) => Promise<readonly unknown[]>;

/**
 * What belongs to the change that a request makes: it is done at the beginning of the change's own transaction, so that
 * both are committed or neither is. A request changes something in one transaction; of several, it belongs to the first.
 */
export interface RequestTransaction {
  readonly begin: (run: RunStatement) => Promise<void>;
}

interface Current {
  readonly request: RequestTransaction;
  state: 'waiting' | 'begun' | 'committed';
  /** While `begin` runs, everything that reads the database reads it inside the transaction. */
  pinned: DatabaseConnection | undefined;
}

/** Which request a piece of work belongs to. It holds nothing by itself. */
const current = new AsyncLocalStorage<Current>();

/** Does the work of a request. Tells whether a transaction of it was committed. */
export async function inRequest<T>(
  request: RequestTransaction,
  work: () => Promise<T>,
): Promise<{ readonly output: T; readonly isCommitted: boolean }> {
  const own: Current = { request, state: 'waiting', pinned: undefined };
  const output = await current.run(own, work);
  return { output, isCommitted: own.state === 'committed' };
}

/** PostgreSQL whose transactions begin with what belongs to their request. */
export class RequestDialect extends PostgresDialect {
  constructor(config: PostgresDialectConfig) {
    super(config);
  }

  override createDriver(): Driver {
    return withRequests(super.createDriver());
  }
}

function withRequests(driver: Driver): Driver {
  const begin: Driver['beginTransaction'] = async (connection, settings) => {
    await driver.beginTransaction(connection, settings);
    const own = current.getStore();
    if (own?.state !== 'waiting') return;
    own.state = 'begun';
    own.pinned = connection;
    try {
      await own.request.begin(async (text, parameters) => {
        const { rows } = await connection.executeQuery(CompiledQuery.raw(text, [...parameters]));
        return rows;
      });
    } catch (error) {
      await driver.rollbackTransaction(connection);
      own.state = 'waiting';
      throw error;
    } finally {
      own.pinned = undefined;
    }
  };
  const ended = (state: 'waiting' | 'committed') => {
    const own = current.getStore();
    if (own?.state === 'begun') own.state = state;
  };
  return {
    init: (options) => driver.init(options),
    acquireConnection: async (options) => current.getStore()?.pinned ?? driver.acquireConnection(options),
    releaseConnection: async (connection, options) => {
      if (current.getStore()?.pinned !== connection) await driver.releaseConnection(connection, options);
    },
    beginTransaction: begin,
    commitTransaction: async (connection) => {
      await driver.commitTransaction(connection);
      ended('committed');
    },
    rollbackTransaction: async (connection) => {
      ended('waiting');
      await driver.rollbackTransaction(connection);
    },
    ...savepointsOf(driver),
    destroy: (options) => driver.destroy(options),
  };
}

const savepointsOf = (driver: Driver): Pick<Driver, 'savepoint' | 'rollbackToSavepoint' | 'releaseSavepoint'> => ({
  ...(driver.savepoint === undefined ? {} : { savepoint: driver.savepoint.bind(driver) }),
  ...(driver.rollbackToSavepoint === undefined ? {} : { rollbackToSavepoint: driver.rollbackToSavepoint.bind(driver) }),
  ...(driver.releaseSavepoint === undefined ? {} : { releaseSavepoint: driver.releaseSavepoint.bind(driver) }),
});
