import type { AccessCase } from '../testing/access-people.ts';
import { ADMINS, EVERYBODY, SIGNED_IN } from './cases.ts';
import type { Makers } from './slice-and-node-cases.ts';

const REASON = { reason: 'A test' };
const DECISION = { action: 'slice.resume', slices: { names: [] }, ...REASON };

/** Kill switches, decisions over many things, announcements, status. */
export const missionControlCases = ({ admin, fresh, slice }: Pick<Makers, 'admin' | 'fresh' | 'slice'>) => {
  const announcement = async (about: { site?: string; slice?: string } = {}) => {
    const { id } = await admin().announce({ body: { title: 'News', ...about } });
    return { params: { announcement: String(id) } };
  };
  const site = async () => {
    const name = fresh('stop');
    await admin().createSite({ body: { name, title: 'A site' } });
    return { params: { kind: 'site', name } };
  };
  const stopped = async () => {
    const { params } = await site();
    await admin().stop({ params: { kind: 'site', name: params.name }, body: REASON });
    return { params };
  };
  const digest = async () => (await admin().previewDecision({ body: { ...DECISION, action: 'slice.resume' } })).digest;
  return {
    getStatus: { input: () => ({}), status: EVERYBODY },
    listKillSwitches: { input: () => ({}), status: ADMINS(200) },
    stop: { input: async () => ({ ...(await site()), body: REASON }), status: ADMINS(200) },
    liftStop: { input: stopped, status: ADMINS(204) },
    previewDecision: { input: () => ({ body: DECISION }), status: ADMINS(200) },
    applyDecision: { input: async () => ({ body: { ...DECISION, digest: await digest() } }), status: ADMINS(202) },
    announce: { input: () => ({ body: { title: 'News' } }), status: ADMINS(201) },
    listAnnouncements: { input: () => ({}), status: SIGNED_IN },
    getAnnouncement: [
      { when: 'for all', input: () => announcement(), status: SIGNED_IN },
      { when: 'for a site', input: () => announcement({ site: 'demo' }), status: '401 404 404 200 200 200 200' },
      {
        when: 'for a slice',
        input: async () => announcement((await slice()).params),
        status: '401 404 200 404 404 404 200',
      },
    ],
    endAnnouncement: { input: () => announcement(), status: ADMINS(204) },
  } satisfies Record<string, AccessCase | readonly AccessCase[]>;
};
