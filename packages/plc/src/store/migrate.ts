import { PlanetLabError } from '@planetlab/model';
import { type Migration, Migrator } from 'kysely/migration';
import { accountsNodesSlices } from './migrations/0001-accounts-nodes-slices.ts';
import { people } from './migrations/0002-people.ts';
import { slicesAndNodes } from './migrations/0003-slices-and-nodes.ts';
import { operations } from './migrations/0004-operations.ts';
import { missionControl } from './migrations/0005-mission-control.ts';
import { processes } from './migrations/0006-processes.ts';
import { scale } from './migrations/0007-scale.ts';
import { notices } from './migrations/0008-notices.ts';
import { nodesAndPeople } from './migrations/0009-nodes-and-people.ts';
import { manyAtOnce } from './migrations/0010-many-at-once.ts';
import { sliverTags } from './migrations/0011-sliver-tags.ts';
import { addressChanges } from './migrations/0012-address-changes.ts';
import { oneSliver } from './migrations/0013-one-sliver.ts';
import { deviceSignIns } from './migrations/0014-device-sign-ins.ts';
import { sensors } from './migrations/0015-sensors.ts';
import { lists } from './migrations/0016-lists.ts';
import { unusedFunction } from './migrations/0017-unused-function.ts';
import { sshOfNodes } from './migrations/0018-ssh-of-nodes.ts';
import type { Db } from './schema.ts';

/** In the order of their names. One that was released is never edited: a new one follows it. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '0001-accounts-nodes-slices': accountsNodesSlices,
  '0002-people': people,
  '0003-slices-and-nodes': slicesAndNodes,
  '0004-operations': operations,
  '0005-mission-control': missionControl,
  '0006-processes': processes,
  '0007-scale': scale,
  '0008-notices': notices,
  '0009-nodes-and-people': nodesAndPeople,
  '0010-many-at-once': manyAtOnce,
  '0011-sliver-tags': sliverTags,
  '0012-address-changes': addressChanges,
  '0013-one-sliver': oneSliver,
  '0014-device-sign-ins': deviceSignIns,
  '0015-sensors': sensors,
  '0016-lists': lists,
  '0017-unused-function': unusedFunction,
  '0018-ssh-of-nodes': sshOfNodes,
};

/**
 * Brings the database up to date. Several processes may start at once: the migrator holds an advisory lock.
 * Throws when the database is of a newer version than this program.
 */
export async function migrate(db: Db): Promise<readonly string[]> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...MIGRATIONS }) } });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return (results ?? []).map((result) => result.migrationName);
  const failed = results?.find((result) => result.status === 'Error')?.migrationName;
  throw new PlanetLabError(
    'internal',
    failed === undefined
      ? 'The database was made by another version of the PLC. Start the version that it belongs to, or a newer one.'
      : `The database could not be brought up to date: the migration ${failed} failed and was undone.`,
    { cause: error },
  );
}
