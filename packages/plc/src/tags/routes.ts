import { type NodeGroup, plcRoutes } from '@planetlab/contract';
import type { App } from '@planetlab/contract/server';
import { type NodeName, PlanetLabError, type SliceName } from '@planetlab/model';
import { type Actor, isAdmin, mayChangeSlice, mayManageNodes, maySeeSlice, requireAllowed } from '../access/rules.ts';
import { getNode } from '../nodes/store.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { getSite } from '../sites/store.ts';
import { changeSentence, seeSentence } from '../slices/routes.ts';
import { findSlice, type StoredSlice } from '../slices/store.ts';
import { pageOf } from '../store/page.ts';
import type { Store } from '../store/store.ts';
import {
  addNodeToGroup,
  createGroup,
  deleteGroup,
  deleteGroupTag,
  getGroup,
  listGroups,
  removeNodeFromGroup,
  setGroupTag,
} from './groups.ts';
import { deleteNodeTag, setNodeTag } from './node-tags.ts';
import { deleteSliceTag, getSliverTags, listSliceTags, setSliceTag, type TagScope } from './slice-tags.ts';

export function serveTags(app: App, serve: ServePerson, store: Store): void {
  serveNodeTags(app, serve, store);
  serveGroups(app, serve, store);
  serveSliceTags(app, serve, store);
}

function serveNodeTags(app: App, serve: ServePerson, store: Store): void {
  const manageable = async (actor: Actor, name: NodeName) => {
    const node = await getNode(store.db, name, store.now());
    requireAllowed(
      mayManageNodes(actor, node.site),
      `Only the PIs and techs of the site "${node.site}" and admins may tag its nodes.`,
    );
    return node;
  };
  serve(app, plcRoutes.setNodeTag, async (actor, { params, body }) =>
    setNodeTag(store, actor.principal, await manageable(actor, params.node), params.tag, body.value),
  );
  serve(app, plcRoutes.deleteNodeTag, async (actor, { params }) =>
    deleteNodeTag(store, actor.principal, await manageable(actor, params.node), params.tag),
  );
}

function serveGroups(app: App, serve: ServePerson, store: Store): void {
  const manageable = async (actor: Actor, name: NodeGroup['name']): Promise<NodeGroup> => {
    const group = await getGroup(store.db, name);
    requireGroupManager(actor, group.site);
    return group;
  };
  serve(app, plcRoutes.createGroup, async (actor, { body }) => {
    if (body.site !== null) await getSite(store.db, body.site);
    requireGroupManager(actor, body.site);
    return createGroup(store, actor.principal, body);
  });
  serve(app, plcRoutes.listGroups, async (_actor, { query }) => {
    const groups = await listGroups(store.db, query.limit + 1, query.after);
    return pageOf(groups, query.limit, (group) => group.name);
  });
  serve(app, plcRoutes.getGroup, (_actor, { params }) => getGroup(store.db, params.group));
  serve(app, plcRoutes.deleteGroup, async (actor, { params }) =>
    deleteGroup(store, actor.principal, await manageable(actor, params.group)),
  );
  serve(app, plcRoutes.addNodeToGroup, async (actor, { params }) => {
    const group = await manageable(actor, params.group);
    const node = await getNode(store.db, params.node, store.now());
    if (group.site !== null && group.site !== node.site) {
      throw new PlanetLabError(
        'conflict',
        `The group "${group.name}" is of the site "${group.site}", and ${node.name} of "${node.site}". Only a group of the authority holds nodes of several sites.`,
      );
    }
    return addNodeToGroup(store, actor.principal, group, node);
  });
  serve(app, plcRoutes.removeNodeFromGroup, async (actor, { params }) => {
    const group = await manageable(actor, params.group);
    return removeNodeFromGroup(store, actor.principal, group, await getNode(store.db, params.node, store.now()));
  });
  serve(app, plcRoutes.setGroupTag, async (actor, { params, body }) =>
    setGroupTag(store, actor.principal, await manageable(actor, params.group), params.tag, body.value),
  );
  serve(app, plcRoutes.deleteGroupTag, async (actor, { params }) =>
    deleteGroupTag(store, actor.principal, await manageable(actor, params.group), params.tag),
  );
}

function serveSliceTags(app: App, serve: ServePerson, store: Store): void {
  const visible = async (actor: Actor, name: SliceName): Promise<StoredSlice> => {
    const slice = await findSlice(store.db, name, store.now());
    requireAllowed(maySeeSlice(actor, slice), seeSentence(slice));
    return slice;
  };
  const changeable = async (actor: Actor, name: SliceName): Promise<StoredSlice> => {
    const slice = await findSlice(store.db, name, store.now());
    requireAllowed(mayChangeSlice(actor, slice), changeSentence(slice));
    return slice;
  };
  serve(app, plcRoutes.listSliceTags, async (actor, { params }) => {
    const slice = await visible(actor, params.slice);
    return { items: await listSliceTags(store.db, slice.id) };
  });
  serve(app, plcRoutes.setSliceTag, async (actor, { params, body }) => {
    const slice = await changeable(actor, params.slice);
    requireOneScope(body);
    return setSliceTag(store, actor.principal, slice, { ...body, key: params.tag });
  });
  serve(app, plcRoutes.deleteSliceTag, async (actor, { params, query }) => {
    const slice = await changeable(actor, params.slice);
    requireOneScope(query);
    await deleteSliceTag(store, actor.principal, slice, { ...query, key: params.tag });
  });
  serve(app, plcRoutes.getSliverTags, async (actor, { params }) =>
    getSliverTags(store.db, await visible(actor, params.slice), params.node),
  );
}

const requireGroupManager = (actor: Actor, site: NodeGroup['site']): void =>
  requireAllowed(
    site === null ? isAdmin(actor) : mayManageNodes(actor, site),
    site === null
      ? 'Only admins manage the groups of the authority. One of a site of yours you make with: pl group create NAME --site SITE'
      : `Only the PIs and techs of the site "${site}" and admins may manage its groups.`,
  );

function requireOneScope({ group, node }: TagScope): void {
  if (group === undefined || node === undefined) return;
  throw new PlanetLabError('malformed_request', 'A tag is for a group or for a node, not for both. Leave one out.');
}
