import type { plcRoutes } from '@planetlab/contract';
import type { AccessCase } from '../testing/access-people.ts';
import type { PlcClient } from '../testing/test-plc.ts';
import { ADMINS, CHANGERS, MANAGERS, PIS, READERS, SIGNED_IN } from './cases.ts';

type Made<P> = Promise<{ readonly params: P }>;

/** Makes things of the site `demo` to try routes on. */
export interface Makers {
  readonly admin: () => PlcClient;
  readonly fresh: (prefix: string) => string;
  readonly node: () => Made<{ node: string }>;
  readonly group: () => Made<{ group: string }>;
  readonly slice: () => Made<{ slice: string }>;
  readonly sliver: () => Made<{ slice: string; node: string }>;
}

type Cases = Partial<Record<keyof typeof plcRoutes, AccessCase | readonly AccessCase[]>>;

export const sliceAndNodeCases = (make: Makers) => ({ ...settingCases(make), ...serviceCases(make) });

/** Sites, settings, tags and groups. */
const settingCases = (make: Makers) =>
  ({
    changeSite: [
      {
        when: 'its address',
        input: () => ({ params: { site: 'demo' }, body: { url: 'https://demo.example.org' } }),
        status: MANAGERS(200),
      },
      {
        when: 'its limit',
        input: () => ({ params: { site: 'demo' }, body: { maxSlices: null } }),
        status: ADMINS(200),
      },
    ],
    getSettings: { input: () => ({}), status: SIGNED_IN },
    changeSettings: { input: () => ({ body: { expiryWarningDays: 5 } }), status: ADMINS(200) },
    setNodeTag: {
      input: async () => ({ params: { ...(await make.node()).params, tag: 'rack' }, body: { value: '7' } }),
      status: MANAGERS(200),
    },
    deleteNodeTag: {
      input: async () => ({ params: { ...(await make.node()).params, tag: 'rack' } }),
      status: MANAGERS(200),
    },
    createGroup: [
      {
        when: 'of the site',
        input: () => ({ body: { name: make.fresh('group'), site: 'demo' } }),
        status: MANAGERS(201),
      },
      { when: 'of the authority', input: () => ({ body: { name: make.fresh('group') } }), status: ADMINS(201) },
    ],
    listGroups: { input: () => ({}), status: SIGNED_IN },
    getGroup: { input: make.group, status: SIGNED_IN },
    deleteGroup: { input: make.group, status: MANAGERS(204) },
    addNodeToGroup: {
      input: async () => ({ params: { ...(await make.group()).params, node: 'here' } }),
      status: MANAGERS(200),
    },
    removeNodeFromGroup: {
      input: async () => ({ params: { ...(await make.group()).params, node: 'here' } }),
      status: MANAGERS(200),
    },
    setGroupTag: {
      input: async () => ({ params: { ...(await make.group()).params, tag: 'rack' }, body: { value: '7' } }),
      status: MANAGERS(200),
    },
    deleteGroupTag: {
      input: async () => ({ params: { ...(await make.group()).params, tag: 'rack' } }),
      status: MANAGERS(200),
    },
    listSliceTags: { input: make.slice, status: READERS },
    setSliceTag: {
      input: async () => ({ params: { ...(await make.slice()).params, tag: 'version' }, body: { value: '2' } }),
      status: CHANGERS(200),
    },
    deleteSliceTag: {
      input: async () => ({ params: { ...(await make.slice()).params, tag: 'version' } }),
      status: CHANGERS(204),
    },
    getSliverTags: { input: make.sliver, status: READERS },
  }) satisfies Cases;

/** What people decide about nodes and slices. */
const serviceCases = (make: Makers) =>
  ({
    changeNode: { input: async () => ({ ...(await make.node()), body: { place: null } }), status: MANAGERS(200) },
    setRunLevel: {
      input: async () => ({ ...(await make.node()), body: { runLevel: 'safeboot' } }),
      status: MANAGERS(200),
    },
    drainNode: { input: async () => ({ ...(await make.node()), body: { reason: 'repair' } }), status: MANAGERS(200) },
    undrainNode: { input: make.node, status: MANAGERS(200) },
    quarantineNode: {
      input: async () => ({ ...(await make.node()), body: { reason: 'abuse' } }),
      status: MANAGERS(200),
    },
    // no machine has joined: who may do it learns that
    rebootNode: {
      input: async () => ({ ...(await make.node()), body: { reason: 'a kernel' } }),
      status: MANAGERS(409),
    },
    cancelReboot: { input: make.node, status: MANAGERS(200) },
    endQuarantine: {
      when: 'that an admin began',
      input: async () => {
        const made = await make.node();
        await make.admin().quarantineNode({ ...made, body: { reason: 'abuse' } });
        return made;
      },
      status: ADMINS(200),
    },
    changeSlice: [
      {
        when: 'what it is for',
        input: async () => ({ ...(await make.slice()), body: { description: 'x' } }),
        status: CHANGERS(200),
      },
      { when: 'its limit', input: async () => ({ ...(await make.slice()), body: { maxNodes: 5 } }), status: PIS(200) },
    ],
    suspendSlice: { input: async () => ({ ...(await make.slice()), body: { reason: 'abuse' } }), status: PIS(200) },
    resumeSlice: {
      when: 'that an admin suspended',
      input: async () => {
        const made = await make.slice();
        await make.admin().suspendSlice({ ...made, body: { reason: 'abuse' } });
        return made;
      },
      status: ADMINS(200),
    },
    attribute: {
      input: () => ({ query: { node: 'here', at: new Date().toISOString() } }),
      status: MANAGERS(200),
    },
  }) satisfies Cases;
