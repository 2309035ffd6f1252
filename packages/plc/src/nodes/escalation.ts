import type { EscalationPolicy } from '@planetlab/contract';
import { formatTime, type PersonEmail, type Principal, type Role, type SiteName } from '@planetlab/model';
import { record } from '../events/record.ts';
import { queueMail } from '../mail/queue.ts';
import { getSettings } from '../settings/store.ts';
import { liftSuspension, suspend } from '../slices/suspensions.ts';
import type { Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { type EscalationLevel, levelDue, type Sanctions, sanctionsOf, type WatchedNode } from './escalation-rules.ts';
import { liveUplinks } from './live-uplinks.ts';

/**
 * What happens for nodes that are dead (FACTS): their techs are mailed, then the PIs, then everyone; their site gets no new
 * slices, then has its slices suspended. All of it ends when the node is back, or is no longer to be in service.
 */
export async function escalate(store: Store, actor: Principal): Promise<void> {
  const at = store.now();
  await store.db.transaction().execute(async (trx) => {
    const { escalation } = await getSettings(trx);
    const nodes = await watchedNodes(trx, at);
    for (const [site, rows] of Map.groupBy(nodes, (row) => row.site)) {
      const watched: WatchedNode[] = [];
      for (const row of rows) watched.push(await escalateNode(trx, at, actor, escalation, row));
      await applySanctions(trx, at, actor, site, sanctionsOf(escalation, watched));
    }
  });
}

/** Nodes that are to be in service. One that its people took out of it is not dead. */
const watchedNodes = (trx: Trx, at: Date) =>
  trx
    .selectFrom('nodes')
    .leftJoin(liveUplinks(trx, at).as('live'), 'live.node_id', 'nodes.id')
    .select(['nodes.id', 'nodes.name', 'nodes.site', 'nodes.run_level', 'nodes.last_seen_at', 'nodes.escalation_level'])
    .select('live.heartbeat_at')
    .where('nodes.deleted_at', 'is', null)
    .where('nodes.joined_at', 'is not', null)
    .orderBy('nodes.name')
    .execute();

type Row = Awaited<ReturnType<typeof watchedNodes>>[number];

async function escalateNode(
  trx: Trx,
  at: Date,
  actor: Principal,
  policy: EscalationPolicy,
  row: Row,
): Promise<WatchedNode> {
  const connected = row.heartbeat_at !== null;
  const lives = connected || row.run_level !== 'boot' || row.last_seen_at === null;
  const level = lives ? 0 : levelDue(policy, at.getTime() - (row.last_seen_at?.getTime() ?? 0));
  const before = row.escalation_level as EscalationLevel; // written from one
  if (level !== before) {
    const set = { escalation_level: level, escalated_at: level === 0 ? null : at };
    await trx.updateTable('nodes').set(set).where('id', '=', row.id).execute();
    const kind = level > before ? 'node.escalated' : 'node.escalation-ended';
    const entry = { at, actor, kind, subject: row.name, site: row.site, before: { level: before }, after: { level } };
    await record(trx, entry, { type: 'node', name: row.name });
    if (level > before) await mailAbout(trx, at, row, level, policy);
  }
  return { name: row.name, level, connected };
}

const WRITTEN_TO: Readonly<Record<EscalationLevel, readonly Role[]>> = {
  0: [],
  1: ['tech'],
  2: ['tech', 'pi'],
  3: ['tech', 'pi', 'user'],
};

async function mailAbout(
  trx: Trx,
  at: Date,
  row: Row,
  level: EscalationLevel,
  policy: EscalationPolicy,
): Promise<void> {
  const to = await personsOf(trx, row.site, WRITTEN_TO[level]);
  const since = formatTime(row.last_seen_at ?? new Date(0));
  await queueMail(trx, at, {
    to,
    kind: 'node.dead',
    subject: `The node ${row.name} of ${row.site} has been away since ${since}`,
    text: `The node ${row.name} of the site ${row.site} has not been connected since ${since}. What is known about it:

  pl node show ${row.name} --why

${consequences(level, policy)}
If it is not to come back soon, take it out of service, and nothing of this happens:

  pl node run-level ${row.name} disabled --reason "..."
`,
  });
}

function consequences(level: EscalationLevel, policy: EscalationPolicy): string {
  const spared = `This does not hold for a site with at least ${policy.spareWithNodesUp} other node(s) in service.`;
  if (level === 1)
    return `After ${policy.piAfterDays} days the site gets no new slices, and after ${policy.everyoneAfterDays} days its slices are suspended. ${spared}\n`;
  if (level === 2)
    return `The site gets no new slices, and after ${policy.everyoneAfterDays} days its slices are suspended. ${spared}\n`;
  return `The slices of the site are suspended until the node is back. They keep their disks. ${spared}\n`;
}

async function personsOf(trx: Trx, site: SiteName, roles: readonly Role[]): Promise<PersonEmail[]> {
  const rows = await trx
    .selectFrom('roles')
    .innerJoin('persons', 'persons.email', 'roles.person')
    .select('roles.person')
    .distinct()
    .where('roles.site', '=', site)
    .where('roles.role', 'in', roles)
    .where('persons.enabled', '=', true)
    .orderBy('roles.person')
    .execute();
  return rows.map(({ person }) => person);
}

async function applySanctions(
  trx: Trx,
  at: Date,
  actor: Principal,
  site: SiteName,
  { closed, suspended, nodes }: Sanctions,
): Promise<void> {
  const found = await trx.selectFrom('sites').select('closed').where('name', '=', site).executeTakeFirst();
  const names = nodes.map((name) => `"${name}"`).join(', ');
  const message = `The site "${site}" gets no new slices until its nodes are back: ${names}. Bring them back, or take them out of service with: pl node run-level NODE disabled`;
  const reason = closed ? { code: 'site_closed', message } : null;
  if ((found?.closed?.message ?? null) !== (reason?.message ?? null)) {
    const text = reason === null ? null : JSON.stringify(reason);
    await trx.updateTable('sites').set({ closed: text }).where('name', '=', site).execute();
    const kind = closed ? 'site.closed' : 'site.opened';
    await record(trx, { at, actor, kind, subject: site, site, after: { nodes } }, { type: 'site', name: site });
  }
  await suspendSlices(trx, at, actor, site, suspended ? `the nodes of the site are away: ${names}` : null);
}

/** Suspends all slices of a site for the escalation, or lifts that. */
async function suspendSlices(
  trx: Trx,
  at: Date,
  actor: Principal,
  site: SiteName,
  reason: string | null,
): Promise<void> {
  const cause = 'escalation' as const;
  const slices = await trx
    .selectFrom('slices')
    .leftJoin('slice_suspensions', (join) =>
      join.onRef('slice_suspensions.slice_id', '=', 'slices.id').on('slice_suspensions.cause', '=', cause),
    )
    .select(['slices.id', 'slices.name', 'slices.site', 'slice_suspensions.cause'])
    .where('slices.site', '=', site)
    .where('slices.deleted_at', 'is', null)
    .execute();
  for (const slice of slices) {
    if (reason !== null && slice.cause === null) await suspend(trx, slice, { cause, reason, actor, at });
    if (reason === null && slice.cause !== null) await liftSuspension(trx, slice, { cause, actor, at });
  }
}
