import { Ban, type BanSubject, Drain, type Reason, Stop } from '@planetlab/contract';
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

/** A new decision about somebody takes the place of the one before. */
export const withBan = (before: Decisions, ban: Ban): Decisions => ({
  ...before,
  bans: [...withoutBan(before, ban.subject).bans, ban],
});

/** Throws `conflict` for one that is not banned. */
export function checkBanned(decisions: Decisions, subject: BanSubject): void {
  if (decisions.bans.some((ban) => ban.subject === subject)) return;
  throw new PlanetLabError('conflict', `${subject} is not banned here. See who is with: pl-node bans.`);
}

export const withoutBan = (before: Decisions, subject: BanSubject): Decisions => ({
  ...before,
  bans: before.bans.filter((ban) => ban.subject !== subject),
});

export const withStop = (before: Decisions, stop: Stop): Decisions => ({
  ...before,
  stopped: [...withoutStop(before, stop.slice).stopped, stop],
});

/** Throws `unknown_sliver` for one that is not kept stopped. */
export function checkStopped(decisions: Decisions, slice: SliceName): void {
  if (stopOf(decisions, slice) !== undefined) return;
  throw new PlanetLabError('unknown_sliver', `${slice} is not among those that are kept stopped here.`);
}

export const withoutStop = (before: Decisions, slice: SliceName): Decisions => ({
  ...before,
  stopped: before.stopped.filter((stop) => stop.slice !== slice),
});

export const noSliver = (slice: SliceName) =>
  new PlanetLabError(
    'unknown_sliver',
    `${slice} has no sliver on this node. See those it has with: pl-node slivers. To keep a slice away, ban it.`,
  );

export const stopOf = (decisions: Decisions, slice: string): Stop | undefined =>
  decisions.stopped.find((stop) => stop.slice === slice);

/** Throws `admission_refused`, with the administrator's reason, unless leases may be made and renewed for them. */
export function checkDecisions(decisions: Decisions, subject: LeaseSubject): void {
  const ban = banOf(decisions, subject);
  if (ban !== undefined) {
    throw refused(`${banSentence(ban)}. Choose another node.`);
  }
  if (decisions.drain !== null) {
    throw refused(`${drainSentence(decisions.drain)} Choose another node.`);
  }
}

/** Why the node takes no leases, for whoever reads its facts. */
export const drainReason = ({ drain }: Decisions): Reason | undefined =>
  drain === null ? undefined : { code: 'admission_refused', message: drainSentence(drain) };

/**
 * Why a sliver is kept stopped; undefined for one that may run. That of somebody who is banned is until its lease is
 * ended, which a full disk may hold up.
 */
export function stopReason(decisions: Decisions, subject: LeaseSubject): Reason | undefined {
  const stop = stopOf(decisions, subject.slice);
  const ban = banOf(decisions, subject);
  if (stop !== undefined)
    return { code: 'sliver_not_running', message: `Stopped by the node's administrator${because(stop)}.` };
  return ban === undefined ? undefined : { code: 'admission_refused', message: `${banSentence(ban)}.` };
}

const banSentence = (ban: Ban): string => `The administrator of this node has banned ${ban.subject}${because(ban)}`;

const drainSentence = (drain: Drain): string =>
  `The administrator of this node lets it run empty${because(drain)}: it makes no new leases and renews none.`;

const because = ({ reason }: { readonly reason: string | null }): string => (reason === null ? '' : ` (${reason})`);

const refused = (why: string) => new PlanetLabError('admission_refused', why);
