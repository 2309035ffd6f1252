import { Ban, Drain, type Reason, Stop } from '@planetlab/contract';
import { type AuthorityName, PlanetLabError, type SliceName } from '@planetlab/model';
import { z } from 'zod';

/**
 * What the administrator of the machine has decided, beside the policy: it holds over restarts, and over a lost
 * database, until it is taken back.
 */
export const Decisions = z
  .object({
    bans: z.array(Ban).max(10_000),
    stopped: z.array(Stop).max(10_000),
    drain: Drain.nullable(),
  })
  .strict();
export type Decisions = z.infer<typeof Decisions>;

export const NO_DECISIONS: Decisions = { bans: [], stopped: [], drain: null };

/** For whom a lease is asked. */
export interface LeaseSubject {
  readonly slice: SliceName;
  readonly authority: AuthorityName;
}

export const banOf = (decisions: Decisions, { slice, authority }: LeaseSubject): Ban | undefined =>
  decisions.bans.find(({ subject }) => subject === slice || subject === authority);

export const stopOf = (decisions: Decisions, slice: string): Stop | undefined =>
  decisions.stopped.find((stop) => stop.slice === slice);

/** Throws `admission_refused`, with the administrator's reason, unless leases may be made and renewed for them. */
export function checkDecisions(decisions: Decisions, subject: LeaseSubject): void {
  const ban = banOf(decisions, subject);
  if (ban !== undefined) {
    throw refused(`The administrator of this node has banned ${ban.subject}${because(ban)}. Choose another node.`);
  }
  if (decisions.drain !== null) {
    throw refused(`${drainSentence(decisions.drain)} Choose another node.`);
  }
}

/** Why the node takes no leases, for whoever reads its facts. */
export const drainReason = ({ drain }: Decisions): Reason | undefined =>
  drain === null ? undefined : { code: 'admission_refused', message: drainSentence(drain) };

/** Why a sliver is kept stopped; undefined for one that may run. */
export function stopReason(decisions: Decisions, slice: SliceName): Reason | undefined {
  const stop = stopOf(decisions, slice);
  if (stop === undefined) return undefined;
  return { code: 'sliver_not_running', message: `Stopped by the node's administrator${because(stop)}.` };
}

const drainSentence = (drain: Drain): string =>
  `The administrator of this node lets it run empty${because(drain)}: it makes no new leases and renews none.`;

const because = ({ reason }: { readonly reason: string | null }): string => (reason === null ? '' : ` (${reason})`);

const refused = (why: string) => new PlanetLabError('admission_refused', why);
