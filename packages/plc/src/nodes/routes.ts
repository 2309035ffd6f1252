import { type JoinReply, joinRoutes, type PlcNode, plcRoutes } from '@planetlab/contract';
import { type App, serve as servePublic } from '@planetlab/contract/server';
import { formatJoinToken } from '@planetlab/credentials';
import { DAY_MS, fromInstant, type NodeName, PlanetLabError, type SiteName, WEEK_MS } from '@planetlab/model';
import { type Actor, mayManageNodes, requireAllowed } from '../access/rules.ts';
import type { Authority } from '../authority/authority.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import type { Limiter } from '../sessions/limiter.ts';
import { getSite } from '../sites/store.ts';
import type { Store } from '../store/store.ts';
import { joinNode } from './join.ts';
import { NodeList } from './list.ts';
import { noteRefusedJoin } from './refusals.ts';
import { createNode, deleteNode, getNode, inviteNode } from './store.ts';

const INVITATION_DEFAULT_MS = DAY_MS;
const INVITATION_MAX_MS = 4 * WEEK_MS;
/** The token is pasted on standard input: an argument list can be read by everybody on the machine. */
const JOIN_COMMAND = 'sudo pl node join';

export interface NodeRoutesOptions {
  readonly store: Store;
  readonly authority: Authority;
  /** `host:port` where machines reach the node listener. */
  readonly nodeAddress: () => string;
}

export function serveNodes(app: App, serve: ServePerson, { store, authority, nodeAddress }: NodeRoutesOptions): void {
  serve(app, plcRoutes.createNode, async (actor, { body }) => {
    await getSite(store.db, body.site);
    requireManager(actor, body.site);
    return createNode(store, actor.principal, body);
  });
  const list = new NodeList(store.db);
  serve(app, plcRoutes.listNodes, (_actor, { query }) => list.page(query, store.now()));
  serve(app, plcRoutes.getNode, (_actor, { params }) => getNode(store.db, params.node, store.now()));
  serve(app, plcRoutes.inviteNode, async (actor, { params, body }) => {
    const node = await manageableNode(store, actor, params.node);
    const expiresAt = invitationEnd(store.now(), body.expiresAt);
    const { secret } = await inviteNode(store, actor.principal, node, expiresAt);
    const token = formatJoinToken({
      address: nodeAddress(),
      fingerprint: authority.identity.fingerprint,
      node: node.name,
      secret,
      expiresAtMs: expiresAt.getTime(),
    });
    return { token, expiresAt: expiresAt.toISOString(), command: JOIN_COMMAND };
  });
  serve(app, plcRoutes.deleteNode, async (actor, { params }) => {
    await deleteNode(store, actor.principal, await manageableNode(store, actor, params.node));
  });
}

/** What a machine without a certificate may ask on the node listener. */
export function serveJoin(app: App, store: Store, authority: Authority, limit: Limiter): void {
  servePublic(app, joinRoutes.getAuthority, async () => authority.info(store.now()));
  servePublic(app, joinRoutes.join, async ({ body }, { request }): Promise<JoinReply> => {
    await limit(request);
    const joined = joinNode(store, authority.identity, body, withoutMapping(request.ip));
    // for whoever asks why the node has not joined; what happens is told to the machine itself
    joined.catch((error: unknown) => noteRefusedJoin(store, body.secret, error).catch(() => {}));
    const { nodeId, certificate } = await joined;
    return {
      nodeId,
      certificate: certificate.certificatePem,
      ca: authority.identity.certificatePem,
      authority: authority.info(store.now()),
    };
  });
}

/** An IPv4 address as a socket for both families shows it. */
const withoutMapping = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '');

/** A node that the actor may manage. Throws `unknown_node`, `forbidden`. */
export async function manageableNode(store: Store, actor: Actor, name: NodeName): Promise<PlcNode> {
  const node = await getNode(store.db, name, store.now());
  requireManager(actor, node.site);
  return node;
}

const requireManager = (actor: Actor, site: SiteName): void =>
  requireAllowed(
    mayManageNodes(actor, site),
    `Only the PIs and techs of the site "${site}" and admins may manage its nodes.`,
  );

function invitationEnd(now: Date, wanted: string | undefined): Date {
  const end = wanted === undefined ? now.getTime() + INVITATION_DEFAULT_MS : fromInstant(wanted);
  if (end > now.getTime() && end <= now.getTime() + INVITATION_MAX_MS) return new Date(end);
  throw new PlanetLabError('malformed_request', 'A join token ends in the future, at most four weeks ahead.');
}
