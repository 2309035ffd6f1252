import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { PlanetLabError } from '@planetlab/model';
import pg from 'pg';
import { clientConfig, type DatabaseAddress } from '../store/database.ts';
import { tryLockAlone } from '../store/open-store.ts';
import { startPrivateServer } from '../store/private-server.ts';

/** A database that is used without a PLC, or beside one that runs. */
export interface DatabaseAtRest extends AsyncDisposable {
  readonly address: DatabaseAddress;
}

/** The one that is there. A private server that runs is left running. Throws `conflict` when it is no PLC's. */
export async function openExisting(
  state: string,
  url: string | undefined,
): Promise<DatabaseAtRest & { readonly authority: { readonly name: string; readonly fingerprint: string } }> {
  if (url === undefined && !existsSync(join(state, 'postgres'))) {
    throw new PlanetLabError('conflict', `There is no database in ${state}. Give its --state, or DATABASE_URL.`);
  }
  await using stack = new AsyncDisposableStack();
  const server = url === undefined ? await startPrivateServer(state) : undefined;
  const address: DatabaseAddress = server === undefined ? { url: url ?? '' } : { socketFolder: server.socketFolder };
  const client = await connect(address);
  let ours = false;
  stack.defer(async () => {
    await client.end();
    if (ours) await server?.[Symbol.asyncDispose]();
  });
  ours = server !== undefined && (await tryLockAlone(client));
  const { rows } = await client.query('select name, fingerprint from authority').catch((cause) => {
    throw new PlanetLabError('conflict', 'This database is not that of a PLC, or of an older version.', { cause });
  });
  const [authority] = rows;
  if (authority === undefined) throw new PlanetLabError('conflict', 'No PLC has used this database yet.');
  const owned = stack.move();
  return { address, authority, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** One that is empty. A private server is made anew; unless `keep` is called, it goes again. Throws `already_exists`. */
export async function openEmpty(
  state: string,
  url: string | undefined,
): Promise<DatabaseAtRest & { readonly keep: () => void }> {
  const data = join(state, 'postgres');
  if (url === undefined && existsSync(data)) throw occupied(`There is a database in ${state} already.`);
  await using stack = new AsyncDisposableStack();
  let kept = false;
  if (url === undefined) {
    stack.defer(() => {
      if (!kept) rmSync(data, { recursive: true, force: true });
    });
  }
  const server = url === undefined ? stack.use(await startPrivateServer(state)) : undefined;
  const address: DatabaseAddress = server === undefined ? { url: url ?? '' } : { socketFolder: server.socketFolder };
  const client = await connect(address);
  stack.defer(() => client.end());
  const { rows } = await client.query(
    "select count(*)::int as count from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname !~ '^(pg_|information_schema$)'",
  );
  if (rows[0]?.count !== 0) throw occupied('The database is not empty.');
  const owned = stack.move();
  return {
    address,
    keep: () => {
      kept = true;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const occupied = (what: string) =>
  new PlanetLabError('already_exists', `${what} A backup is restored into an empty one only; nothing was changed.`);

async function connect(address: DatabaseAddress): Promise<pg.Client> {
  const client = new pg.Client(clientConfig(address));
  client.on('error', () => {}); // the query that needs it says so
  await client.connect();
  return client;
}
