import { join } from 'node:path';
import { type PersonEmail, Principal } from '@planetlab/model';
import { sql } from 'kysely';
import { writeSecretFile } from '../authority/state-files.ts';
import { record } from '../events/record.ts';
import { newApiToken, TOKEN_MAX_MS } from '../sessions/secrets.ts';
import { insertToken } from '../sessions/store.ts';
import type { Store } from '../store/store.ts';

export const BOOTSTRAP_TOKEN_FILE = 'bootstrap-admin.token';
const ACTOR = Principal.parse('operator:first-start');

/**
 * At the first start, when there is nobody: an admin, whose API token is in a file that only the operator can read.
 * True when it made one. The file is written before the database knows the token: it cannot be lost.
 */
export async function bootstrapAdmin(store: Store, state: string, email: PersonEmail): Promise<boolean> {
  const at = store.now();
  return store.db.transaction().execute(async (trx) => {
    const name = 'Administrator';
    await sql`lock table persons in share row exclusive mode`.execute(trx); // another process may start as well
    const anybody = await trx.selectFrom('persons').select('email').limit(1).executeTakeFirst();
    if (anybody !== undefined) return false;
    await trx.insertInto('persons').values({ email, name, created_at: at }).execute();
    await trx.insertInto('roles').values({ person: email, role: 'admin', site: null }).execute();
    const after = { email, name, roles: [{ role: 'admin', site: null }] };
    await record(trx, { at, actor: ACTOR, kind: 'person.created', subject: email, after });
    const secret = newApiToken();
    writeSecretFile(join(state, BOOTSTRAP_TOKEN_FILE), `${secret.token}\n`);
    const expiresAt = new Date(at.getTime() + TOKEN_MAX_MS);
    await insertToken(trx, at, ACTOR, { person: email, label: 'first start', expiresAt }, secret);
    return true;
  });
}
