import { AuthoritySettings, type SettingsChange } from '@planetlab/contract';
import type { Principal } from '@planetlab/model';
import { record } from '../events/record.ts';
import type { Db, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

/** The settings in force: what an admin has decided, and the defaults of the rest. */
export async function getSettings(db: Db | Trx): Promise<AuthoritySettings> {
  const rows = await db.selectFrom('settings').select(['key', 'value']).execute();
  return settingsFrom(new Map(rows.map(({ key, value }) => [key, value])));
}

/** Of what is stored the members that this version knows: a newer one may have written more. */
export function settingsFrom(stored: ReadonlyMap<string, unknown>): AuthoritySettings {
  const known = Object.keys(AuthoritySettings.shape).filter((key) => stored.has(key));
  return AuthoritySettings.parse(Object.fromEntries(known.map((key) => [key, stored.get(key)])));
}

export async function changeSettings(
  store: Store,
  actor: Principal,
  change: SettingsChange,
): Promise<AuthoritySettings> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const before = await getSettings(trx);
    for (const [key, value] of Object.entries(change)) {
      if (value === undefined) continue;
      const row = { key, value: JSON.stringify(value) };
      await trx
        .insertInto('settings')
        .values(row)
        .onConflict((conflict) => conflict.column('key').doUpdateSet(row))
        .execute();
    }
    const after = await getSettings(trx);
    await record(trx, { at, actor, kind: 'settings.changed', subject: 'settings', before, after });
    return after;
  });
}
