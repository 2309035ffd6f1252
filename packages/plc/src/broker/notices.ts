import type { NodeSliver, Notice } from '@planetlab/contract';
import {
  DAY_MS,
  fromInstant,
  type PersonEmail,
  Principal,
  type SiteName,
  type SliceName,
  type SliverName,
  sliverName,
} from '@planetlab/model';
import { record } from '../events/record.ts';
import { queueMail } from '../mail/queue.ts';
import type { Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { brief } from './reason.ts';
import type { Reporter } from './types.ts';

/** A node that never stops telling is not heard beyond this, for each sliver and day. */
const NOTICES_PER_DAY = 50;

/**
 * Makes an event of each notice that was not heard before, in one transaction with the mail about it. A slice's people get
 * one mail a day about each kind of notice, on however many nodes; the rest they find in the events.
 */
export async function storeNotices(store: Store, reporter: Reporter, report: NodeSliver): Promise<void> {
  const { notices = [], leaseId } = report;
  if (notices.length === 0) return;
  await store.db.transaction().execute(async (trx) => {
    const sliver = await trx
      .selectFrom('slivers')
      .innerJoin('slices', 'slices.id', 'slivers.slice_id')
      .select(['slivers.id', 'slivers.slice_id', 'slivers.slice', 'slices.site'])
      .where('slivers.node_id', '=', reporter.nodeId)
      .where('slivers.lease_id', '=', leaseId)
      .where('slivers.slice', '=', report.slice)
      .forNoKeyUpdate(['slices']) // notices of one slice come one after the other, from whichever node
      .executeTakeFirst();
    if (sliver === undefined) return;
    const heard: Heard = { ...sliver, ...reporter, name: sliverName(sliver.slice, reporter.nodeName), at: store.now() };
    for (const notice of await unheard(trx, heard, notices)) await tell(trx, heard, notice);
  });
}

interface Heard extends Reporter {
  readonly id: string;
  readonly slice_id: string;
  readonly slice: SliceName;
  readonly site: SiteName;
  readonly name: SliverName;
  /** Now, by this side's clock. */
  readonly at: Date;
}

async function unheard(trx: Trx, { id, at }: Heard, notices: readonly Notice[]): Promise<readonly Notice[]> {
  const rows = await trx
    .selectFrom('sliver_notices')
    .select(['at', 'code', 'told_at'])
    .where('sliver_id', '=', id)
    .execute();
  const known = new Set(rows.map((row) => keyOf(row.at.getTime(), row.code)));
  const today = rows.filter(({ told_at }) => at.getTime() - told_at.getTime() < DAY_MS).length;
  return notices
    .map((notice) => ({ at: notice.at, ...brief(notice) }))
    .filter(({ at: of, code }) => !known.has(keyOf(fromInstant(of), code)))
    .slice(0, Math.max(0, NOTICES_PER_DAY - today));
}

const keyOf = (atMs: number, code: string): string => `${atMs} ${code}`;

async function tell(trx: Trx, heard: Heard, notice: Notice): Promise<void> {
  const { id, site, slice, name, nodeName, at } = heard;
  const { code, message } = notice;
  const mailed = !(await wereMailed(trx, heard, code));
  const row = { sliver_id: id, at: new Date(fromInstant(notice.at)), code, message, told_at: at, mailed };
  const kept = await trx
    .insertInto('sliver_notices')
    .values(row)
    .onConflict((on) => on.doNothing())
    .returning('at')
    .execute();
  if (kept.length === 0) return; // twice in one report
  const actor = Principal.parse(`node:${nodeName}`);
  const entry = { at, actor, kind: 'sliver.noticed', subject: name, site, slice, after: notice };
  await record(trx, entry, { type: 'sliver', name, fromNode: true });
  if (!mailed) return;
  const to = await peopleOf(trx, heard);
  await queueMail(trx, at, {
    to,
    subject: `What ${nodeName} says of ${name}`,
    text: mailText(heard, notice),
    kind: 'sliver.noticed',
  });
}

/** Whether its people had a mail about this in the last day, of any of its slivers. */
async function wereMailed(trx: Trx, { slice_id, at }: Heard, code: string): Promise<boolean> {
  const row = await trx
    .selectFrom('sliver_notices')
    .innerJoin('slivers', 'slivers.id', 'sliver_notices.sliver_id')
    .select('sliver_notices.code')
    .where('slivers.slice_id', '=', slice_id)
    .where('sliver_notices.code', '=', code)
    .where('sliver_notices.mailed', '=', true)
    .where('sliver_notices.told_at', '>', new Date(at.getTime() - DAY_MS))
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

async function peopleOf(trx: Trx, { slice_id }: Heard): Promise<readonly PersonEmail[]> {
  const rows = await trx
    .selectFrom('slice_persons')
    .innerJoin('persons', 'persons.email', 'slice_persons.person')
    .select('persons.email')
    .where('slice_persons.slice_id', '=', slice_id)
    .where('persons.enabled', '=', true)
    .orderBy('persons.email')
    .execute();
  return rows.map(({ email }) => email);
}

const mailText = ({ name, slice, nodeName }: Heard, { at, message }: Notice): string =>
  `The node ${nodeName} says of the sliver ${name}, at ${at}:

  ${message}

What it may use and uses now:  pl sliver show ${name}
For a day, more of this kind about slivers of ${slice} comes in no further mail. It is among the events:

  pl events --subject ${name}
`;
