import type { PersonFilter, SliceFilter } from '@planetlab/contract';
import { type PersonEmail, PlanetLabError } from '@planetlab/model';
import { orNothing } from '../persons/store.ts';
import type { Db } from '../store/schema.ts';

/** A filter that says nothing would be everything: that has to be said. */
function requireSomething(filter: SliceFilter | PersonFilter): void {
  if (Object.values(filter).some((value) => value !== null)) return;
  throw new PlanetLabError('malformed_request', `Say which: by ${Object.keys(filter).join(', ')}.`);
}

/** Names of slices that are there. Those that were named and are not are left out. */
export async function matchingSlices(db: Db, filter: SliceFilter): Promise<string[]> {
  requireSomething(filter);
  const { names, site, node } = filter;
  let query = db.selectFrom('slices').select('name').where('deleted_at', 'is', null);
  if (names !== null) query = query.where('name', 'in', orNothing(names));
  if (site !== null) query = query.where('site', '=', site);
  if (node !== null) {
    const there = db
      .selectFrom('slivers')
      .innerJoin('nodes', 'nodes.id', 'slivers.node_id')
      .select('slivers.slice_id')
      .where('slivers.wanted', '=', true)
      .where('nodes.name', '=', node)
      .where('nodes.deleted_at', 'is', null);
    query = query.where('id', 'in', there);
  }
  return (await query.execute()).map(({ name }) => name);
}

/** Mail addresses of people that are there, without whoever decides. */
export async function matchingPersons(db: Db, filter: PersonFilter, self: PersonEmail): Promise<string[]> {
  requireSomething(filter);
  const { emails, site, slice } = filter;
  let query = db.selectFrom('persons').select('email').where('email', '!=', self);
  if (emails !== null) query = query.where('email', 'in', orNothing(emails));
  if (site !== null)
    query = query.where('email', 'in', db.selectFrom('roles').select('person').where('site', '=', site));
  if (slice !== null) {
    const people = db
      .selectFrom('slice_persons')
      .innerJoin('slices', 'slices.id', 'slice_persons.slice_id')
      .select('slice_persons.person')
      .where('slices.name', '=', slice)
      .where('slices.deleted_at', 'is', null);
    query = query.where('email', 'in', people);
  }
  return (await query.execute()).map(({ email }) => email);
}
