import { plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { type Actor, isAdmin, mayChangeKeysOf, mayGiveRoles, maySeePerson, requireAllowed } from '../access/rules.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { pageOf, timeCursor } from '../store/page.ts';
import type { Db } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { checkForm, checkRoles } from './check-roles.ts';
import { parseSshKey } from './ssh-key.ts';
import { addKey, createPerson, deleteKey, getPerson, listKeys, listPersons } from './store.ts';

export function servePersons(app: App, serve: ServePerson, store: Store): void {
  serve(app, plcRoutes.createPerson, async (actor, { body }) => {
    checkForm(body.roles);
    requireAllowed(
      mayGiveRoles(actor, body.roles),
      'Admins register anyone; a PI registers people with the roles user and tech at the PI’s own site.',
    );
    await checkRoles(store.db, body.roles);
    return createPerson(store, actor.principal, body);
  });
  serve(app, plcRoutes.listPersons, async (actor, { query }) => {
    const persons = await listPersons(store.db, actor, query.limit + 1, query.after);
    return pageOf(persons, query.limit, (person) => person.email);
  });
  serve(app, plcRoutes.getPerson, async (actor, { params }) => visiblePerson(store.db, actor, params.person));
  serve(app, plcRoutes.getMe, (actor) => getPerson(store.db, actor.email));

  serve(app, plcRoutes.addKey, async (actor, { params, body }) => {
    requireAllowed(mayChangeKeysOf(actor, params.person), `Only ${params.person} and admins may add keys for them.`);
    return addKey(store, actor.principal, params.person, parseSshKey(body.key));
  });
  serve(app, plcRoutes.listKeys, async (actor, { params, query }) => {
    await visiblePerson(store.db, actor, params.person);
    const keys = await listKeys(store.db, params.person, { ...query, limit: query.limit + 1 });
    return pageOf(keys, query.limit, ({ addedAt, fingerprint }) => timeCursor(addedAt, fingerprint));
  });
  serve(app, plcRoutes.deleteKey, async (actor, { params }) => {
    requireAllowed(mayChangeKeysOf(actor, params.person), `Only ${params.person} and admins may remove their keys.`);
    await deleteKey(store, actor.principal, params.person, params.fingerprint);
  });
}

/** Whether somebody has an account here is told only to those who may see it. */
async function visiblePerson(db: Db, actor: Actor, email: Parameters<typeof getPerson>[1]) {
  const sentence = `Only ${email}, people of the same site and admins may see them.`;
  const person = await getPerson(db, email).catch((error) => {
    requireAllowed(isAdmin(actor), sentence);
    throw error;
  });
  requireAllowed(maySeePerson(actor, person.email, person.roles), sentence);
  return person;
}
