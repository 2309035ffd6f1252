import type { Announcement } from '@planetlab/contract';
import type { PersonEmail } from '@planetlab/model';
import type { ExpressionBuilder } from 'kysely';
import { type Actor, sitesOf } from '../access/rules.ts';
import { orNothing } from '../persons/store.ts';
import type { Schema, Trx } from '../store/schema.ts';

/** What an announcement is about; nothing when it is for all. */
type About = Pick<Announcement, 'site' | 'slice' | 'node'>;

/** Whether an announcement concerns a person: the people of the site, of the slice, or of slices on the node and of its site. */
export function concerning(eb: ExpressionBuilder<Schema, 'announcements'>, actor: Actor) {
  const sites = orNothing(sitesOf(actor));
  const ownSlices = eb
    .selectFrom('slice_persons')
    .innerJoin('slices', 'slices.id', 'slice_persons.slice_id')
    .where('slice_persons.person', '=', actor.email)
    .where('slices.deleted_at', 'is', null);
  const ownNodes = eb
    .selectFrom('nodes')
    .select('nodes.name')
    .where('nodes.deleted_at', 'is', null)
    .where((node) =>
      node.or([
        node('nodes.site', 'in', sites),
        node(
          'nodes.id',
          'in',
          ownSlices
            .innerJoin('slivers', 'slivers.slice_id', 'slices.id')
            .where('slivers.wanted', '=', true)
            .select('slivers.node_id'),
        ),
      ]),
    );
  return eb.or([
    eb.and([eb('site', 'is', null), eb('slice', 'is', null), eb('node', 'is', null)]),
    eb('announcements.site', 'in', sites),
    eb('announcements.slice', 'in', ownSlices.select('slices.name')),
    eb('announcements.node', 'in', ownNodes),
  ]);
}

/** Those same people, as far as they are enabled, for a mail. */
export async function recipientsOf(trx: Trx, { site, slice, node }: About): Promise<PersonEmail[]> {
  const persons = trx.selectFrom('persons').select('email').where('enabled', '=', true).orderBy('email');
  const atSite = trx.selectFrom('roles').select('roles.person');
  const inSlices = trx
    .selectFrom('slice_persons')
    .innerJoin('slices', 'slices.id', 'slice_persons.slice_id')
    .where('slices.deleted_at', 'is', null)
    .select('slice_persons.person');
  if (site !== null) return emails(persons.where('email', 'in', atSite.where('site', '=', site)));
  if (slice !== null) return emails(persons.where('email', 'in', inSlices.where('slices.name', '=', slice)));
  if (node === null) return emails(persons);
  const onNode = inSlices
    .innerJoin('slivers', 'slivers.slice_id', 'slices.id')
    .innerJoin('nodes', 'nodes.id', 'slivers.node_id')
    .where('slivers.wanted', '=', true)
    .where('nodes.name', '=', node);
  const ofItsSite = atSite
    .innerJoin('nodes as own', 'own.site', 'roles.site')
    .where('own.name', '=', node)
    .where('own.deleted_at', 'is', null);
  return emails(persons.where((eb) => eb.or([eb('email', 'in', onNode), eb('email', 'in', ofItsSite)])));
}

const emails = async (query: { execute(): Promise<{ email: PersonEmail }[]> }): Promise<PersonEmail[]> =>
  (await query.execute()).map(({ email }) => email);
