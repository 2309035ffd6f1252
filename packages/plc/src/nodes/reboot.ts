import { randomUUID } from 'node:crypto';
import type { PlcNode, Reason } from '@planetlab/contract';
import { isPlanetLabError, messageOf, type NodeId, PlanetLabError, type Principal, toInstant } from '@planetlab/model';
import type { Logger } from 'pino';
import type { Authority } from '../authority/authority.ts';
import { record } from '../events/record.ts';
import { oneAtATime } from '../store/one-at-a-time.ts';
import type { StoredReboot, Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { credentialSource, nodeClient } from '../uplinks/node-client.ts';
import { reachNode, type UplinkFinder } from '../uplinks/reach.ts';
import { changeNodeRow } from './decide.ts';
import { liveUplinks } from './live-uplinks.ts';
import { drainedBecause, dueAfter, rebootStep } from './reboot-rules.ts';

export interface RebootOptions {
  readonly store: Store;
  readonly authority: Authority;
  readonly uplinks: UplinkFinder;
}

/** What is asked for: at once, or when the node is empty and at the latest after a time. */
export interface RebootWanted {
  readonly reason: string;
  readonly now: boolean;
  readonly withinSeconds: number;
}

/** Writes that a node is to be rebooted, and drains it for that unless it is to be at once. Throws `conflict`. */
export async function requestReboot(
  store: Store,
  by: Principal,
  node: PlcNode,
  { reason, now, withinSeconds }: RebootWanted,
): Promise<PlcNode> {
  if (node.state === 'registered') throw new PlanetLabError('conflict', `No machine has joined as ${node.name} yet.`);
  if (node.reboot !== null && node.reboot.askedAt !== null) throw underWay(node);
  const atMs = store.now().getTime();
  const at = toInstant(atMs);
  const dueAt = dueAfter(atMs, now, withinSeconds);
  const changed = { before: { reboot: node.reboot }, after: { reason, now, dueAt } };
  return changeNodeRow(store, by, node, 'node.reboot-requested', changed, async (trx) => {
    const before = await trx.selectFrom('nodes').select('reboot').where('id', '=', node.id).executeTakeFirst();
    const drains = before?.reboot?.drains === true || (dueAt !== null && node.drain === null);
    const reboot: StoredReboot = { id: randomUUID(), reason, at, by, now, dueAt, askedAt: null, bootId: null, drains };
    const because = dueAt !== null && drains ? { reason: drainedBecause(reason, dueAt), at, by } : undefined;
    const drain = because === undefined ? {} : { drain: JSON.stringify(because) };
    const set = { reboot: JSON.stringify(reboot), ...drain };
    await trx.updateTable('nodes').set(set).where('id', '=', node.id).execute();
  });
}

/** Takes it back, and the drain that belongs to it. Throws `conflict` when the node was told. */
export async function cancelReboot(store: Store, by: Principal, node: PlcNode): Promise<PlcNode> {
  if (node.reboot === null) return node;
  if (node.reboot.askedAt !== null) throw underWay(node);
  const changed = { before: { reboot: node.reboot }, after: null };
  return changeNodeRow(store, by, node, 'node.reboot-canceled', changed, (trx) => endReboot(trx, node.id));
}

const underWay = ({ name }: PlcNode) =>
  new PlanetLabError('conflict', `The node ${name} was told to reboot already. Wait until it is back.`);

/** Takes the next step of a node's reboot, if there is one to take. Gives why it will not be. */
export async function tendReboot(options: RebootOptions, id: NodeId): Promise<Reason | undefined> {
  const { store } = options;
  const node = await loadReboot(store, id);
  if (node === undefined) return undefined;
  const step = rebootStep(node.reboot, node, store.now().getTime());
  if (step === 'wait') return undefined;
  if (step === 'ask') return ask(options, node);
  const reason = { code: 'timed_out', message: 'It was told to reboot, is there, and has not.' };
  await conclude(store, node, step === 'done' ? undefined : reason);
  return step === 'done' ? undefined : reason;
}

type Rebooting = NonNullable<Awaited<ReturnType<typeof loadReboot>>>;

async function loadReboot(store: Store, id: NodeId) {
  const row = await store.db
    .selectFrom('nodes')
    .leftJoin(liveUplinks(store.db, store.now()).as('live'), 'live.node_id', 'nodes.id')
    .select(['nodes.id', 'nodes.name', 'nodes.site', 'nodes.reboot', 'nodes.facts', 'live.heartbeat_at'])
    .select((eb) =>
      eb
        .selectFrom('slivers')
        .select((count) => count.fn.countAll<number>().as('count'))
        .whereRef('slivers.node_id', '=', 'nodes.id')
        .as('slivers'),
    )
    .where('nodes.id', '=', id)
    .where('nodes.deleted_at', 'is', null)
    .executeTakeFirst();
  if (row?.reboot == null) return undefined;
  const { name, site, reboot, facts } = row;
  const connected = row.heartbeat_at !== null;
  return { id, name, site, reboot, connected, slivers: Number(row.slivers), bootId: facts?.bootId };
}

/** In the name of who decided: the node's log says who it was. A node that gives no answer is asked again. */
async function ask(options: RebootOptions, node: Rebooting): Promise<Reason | undefined> {
  const { store, authority } = options;
  const { id, reason, by } = node.reboot;
  const subject = { principal: by, slice: '*', rights: ['reboot'], key: authority.brokerKey } as const;
  const credential = credentialSource(authority.identity, subject, () => store.now().getTime());
  try {
    const link = await reachNode(options, node.name, node.id);
    const { bootId } = await nodeClient(link, credential).reboot({ body: { id, reason } });
    await noteAsked(store, node, bootId);
    return undefined;
  } catch (error) {
    if (!isPlanetLabError(error)) throw error;
    const refusal = refusalOf(error);
    if (refusal !== undefined) await conclude(store, node, refusal);
    return refusal;
  }
}

/** Undefined for what may be otherwise the next time. */
function refusalOf(error: PlanetLabError): Reason | undefined {
  if (error.code === 'admission_refused') return { code: error.code, message: error.message };
  if (!['no_such_route', 'credential_invalid'].includes(error.code)) return undefined;
  return {
    code: 'feature_missing',
    message: 'Its node manager is of a version that cannot be asked to reboot the machine.',
  };
}

async function noteAsked(store: Store, node: Rebooting, bootId: string): Promise<void> {
  const at = store.now();
  const reboot: StoredReboot = { ...node.reboot, askedAt: toInstant(at.getTime()), bootId };
  await store.db.transaction().execute(async (trx) => {
    const row = await trx.selectFrom('nodes').select('reboot').where('id', '=', node.id).forUpdate().executeTakeFirst();
    if (row?.reboot?.id !== reboot.id || row.reboot.askedAt !== null) return;
    await trx
      .updateTable('nodes')
      .set({ reboot: JSON.stringify(reboot) })
      .where('id', '=', node.id)
      .execute();
    const { reason, by } = reboot;
    const entry = { at, actor: by, kind: 'node.reboot-begun', subject: node.name, site: node.site, after: { reason } };
    await record(trx, entry, { type: 'node', name: node.name });
  });
}

/** The reboot is over, for better or, with a reason, for worse. */
async function conclude(store: Store, node: Rebooting, failure: Reason | undefined): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const row = await trx.selectFrom('nodes').select('reboot').where('id', '=', node.id).forUpdate().executeTakeFirst();
    if (row?.reboot?.id !== node.reboot.id) return;
    await endReboot(trx, node.id);
    const kind = failure === undefined ? 'node.rebooted' : 'node.reboot-failed';
    const { reason, by, askedAt } = node.reboot;
    const entry = { at, actor: by, kind, subject: node.name, site: node.site, before: { reason, askedAt } };
    await record(trx, { ...entry, after: failure ?? null }, { type: 'node', name: node.name });
  });
}

async function endReboot(trx: Trx, id: NodeId): Promise<void> {
  const row = await trx.selectFrom('nodes').select('reboot').where('id', '=', id).executeTakeFirst();
  const drain = row?.reboot?.drains === true ? { drain: null } : {};
  await trx
    .updateTable('nodes')
    .set({ reboot: null, ...drain })
    .where('id', '=', id)
    .execute();
}

const TICK_MS = 5000;

/** Takes the steps of all reboots, in one process at a time. */
export function keepReboots(options: RebootOptions, log: Logger): Disposable {
  const { store } = options;
  const tend = async () => {
    const due = store.db.selectFrom('nodes').select('id').where('reboot', 'is not', null);
    for (const { id } of await due.where('deleted_at', 'is', null).execute()) await tendReboot(options, id);
  };
  const timer = setInterval(() => {
    oneAtATime(store.db, 'reboots', tend).catch((error) =>
      log.warn({ error: messageOf(error) }, 'reboots were not tended; tried again'),
    );
  }, TICK_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
