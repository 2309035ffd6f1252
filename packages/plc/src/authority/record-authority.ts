import { PlanetLabError } from '@planetlab/model';
import type { Db } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import type { Authority } from './authority.ts';

/** Whether a database belongs to an authority already: then its keys are not to be made, but to be brought. */
export async function belongsToAuthority(db: Db): Promise<boolean> {
  return (await db.selectFrom('authority').select('name').executeTakeFirst()) !== undefined;
}

/**
 * Writes down whose database this is, the first time; afterwards every process must come with the same keys, for what it
 * signed would be refused by all nodes. Throws `credential_invalid`.
 */
export async function recordAuthority(store: Store, { identity, brokerKey }: Authority): Promise<void> {
  const row = {
    name: identity.name,
    fingerprint: identity.fingerprint,
    broker_key: brokerKey.publicKey.thumbprint,
    recorded_at: store.now(),
  };
  await store.db
    .insertInto('authority')
    .values(row)
    .onConflict((conflict) => conflict.column('only_one').doNothing())
    .execute();
  const recorded = await store.db.selectFrom('authority').selectAll().executeTakeFirstOrThrow();
  if (recorded.fingerprint !== row.fingerprint) {
    throw new PlanetLabError(
      'credential_invalid',
      `This database belongs to the authority ${recorded.name} with the fingerprint ${recorded.fingerprint}; the keys here are those of ${row.name} with ${row.fingerprint}. Start with the same keys as its other processes.`,
    );
  }
  if (recorded.broker_key === row.broker_key) return;
  throw new PlanetLabError(
    'credential_invalid',
    'The key of the broker (broker.key) is another than that of this database, to which the leases on nodes are bound. Start with the same keys as its other processes.',
  );
}
