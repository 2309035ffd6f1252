import type { AdminSliver, AdminStatus, Ban, BanSubject, Drain, Stop } from '@planetlab/contract';
import type { Lease } from '@planetlab/credentials';
import { messageOf, type SliceName, toInstant } from '@planetlab/model';
import { asMachineId, type Vmm } from '@planetlab/vmm';
import {
  banOf,
  checkBanned,
  checkStopped,
  noSliver,
  withBan,
  withoutBan,
  withoutStop,
  withStop,
} from '../admission/decisions.ts';
import type { Logger } from '../logger.ts';
import type { SliverDirectory } from '../slivers/directory.ts';
import type { NodeStore } from '../store/store.ts';
import type { DecisionFile } from './decision-file.ts';

export interface LocalAdminOptions {
  readonly decisions: DecisionFile;
  readonly store: NodeStore;
  readonly directory: SliverDirectory;
  readonly vmm: Vmm;
  readonly now: () => number;
  readonly logger: Logger;
  /** Told when something about a slice has changed. */
  readonly changed: (slice: SliceName) => void;
  /** What of the status does not depend on slivers and decisions. */
  readonly about: () => Omit<AdminStatus, 'slivers' | 'drain' | 'bans' | 'stopped'>;
}

/**
 * What the administrator of the machine sees and decides (N14). Each decision is carried out at once, and is in the log of
 * steps. Throws `step_failed` for one that cannot be written down besides.
 */
export interface LocalAdmin {
  status(): AdminStatus;
  slivers(): Promise<readonly AdminSliver[]>;
  /** Throws `unknown_sliver` for a slice without a sliver here. */
  stop(slice: SliceName, reason: string | null): Stop;
  start(slice: SliceName): void;
  bans(): readonly Ban[];
  ban(subject: BanSubject, reason: string | null): Ban;
  /** Throws `conflict` for one that is not banned. */
  unban(subject: BanSubject): void;
  drain(reason: string | null): Drain;
  undrain(): void;
}

export function createLocalAdmin(options: LocalAdminOptions): LocalAdmin {
  const { decisions, directory, now, changed } = options;
  const log = decisionLog(options);

  return {
    status() {
      const { drain, bans, stopped } = decisions.current();
      const slivers = directory.list();
      const running = slivers.filter(({ state }) => state === 'running').length;
      const counts = { running, others: slivers.length - running };
      return { ...options.about(), slivers: counts, drain, bans: bans.length, stopped: stopped.length };
    },
    slivers: () => describeSlivers(options),
    stop(slice, reason) {
      if (directory.get(slice) === undefined) throw noSliver(slice);
      const stop = { slice, reason, at: toInstant(now()) };
      const act = () => {
        changed(slice);
        log('AdministratorStop', slice, reason);
      };
      decisions.change((before) => withStop(before, stop), act);
      return stop;
    },
    start(slice) {
      checkStopped(decisions.current(), slice);
      const act = () => {
        changed(slice);
        log('AdministratorStart', slice, null);
      };
      decisions.change((before) => withoutStop(before, slice), act);
    },
    bans: () => decisions.current().bans,
    ban(subject, reason) {
      const ban = { subject, reason, at: toInstant(now()) };
      const act = () => {
        for (const slice of endBannedLeases(options)) changed(slice);
        log('AdministratorBan', sliceOf(subject), `${subject}${reason === null ? '' : `: ${reason}`}`);
      };
      decisions.change((before) => withBan(before, ban), act);
      return ban;
    },
    unban(subject) {
      checkBanned(decisions.current(), subject);
      const kept = bannedLeases(options); // those that could not be ended
      const act = () => {
        for (const { slice } of kept) changed(slice);
        log('AdministratorUnban', sliceOf(subject), subject);
      };
      decisions.change((before) => withoutBan(before, subject), act);
    },
    drain(reason) {
      const drain = { reason, at: toInstant(now()) };
      decisions.change(
        (before) => ({ ...before, drain }),
        () => log('AdministratorDrain', null, reason),
      );
      return drain;
    },
    undrain() {
      decisions.change(
        (before) => ({ ...before, drain: null }),
        () => log('AdministratorUndrain', null, null),
      );
    },
  };
}

/** What cannot be written down, as on a full disk, is said; what was decided does not depend on it. */
const decisionLog =
  ({ store, now, logger }: Pick<LocalAdminOptions, 'store' | 'now' | 'logger'>) =>
  (step: string, slice: string | null, message: string | null): void => {
    try {
      store.logSteps([{ atMs: now(), slice, step, outcome: 'done', durationMs: 0, message }]);
    } catch (error) {
      logger.error({ step, slice, message, reason: messageOf(error) }, 'a decision could not be logged');
    }
  };

/**
 * Ends leases of the banned: at once, and at a start, for a ban that was decided while no manager ran. One that a full
 * disk does not let end is a sliver's that is kept stopped.
 */
export function endBannedLeases(
  options: Pick<LocalAdminOptions, 'decisions' | 'store' | 'now' | 'logger'>,
): readonly SliceName[] {
  const banned = bannedLeases(options);
  for (const { id, slice } of banned) {
    try {
      options.store.endLease(id, options.now());
    } catch (error) {
      options.logger.error({ slice, reason: messageOf(error) }, 'the lease of a banned slice could not be ended');
    }
  }
  return banned.map(({ slice }) => slice);
}

const bannedLeases = ({ decisions, store }: Pick<LocalAdminOptions, 'decisions' | 'store'>): readonly Lease[] =>
  store.liveLeases().flatMap(({ lease }) => (banOf(decisions.current(), lease) === undefined ? [] : lease));

/** A subject with an underscore is a slice: names of authorities have none. */
const sliceOf = (subject: BanSubject): string | null => (subject.includes('_') ? subject : null);

async function describeSlivers({ directory, store, vmm }: LocalAdminOptions): Promise<readonly AdminSliver[]> {
  return Promise.all(
    directory.list().flatMap((sliver) => {
      const lease = store.sliver(sliver.slice)?.stored.lease;
      if (lease === undefined) return []; // it has just been removed
      const { principal, authority } = lease;
      const people = [
        ...new Set(
          store
            .access()
            .get(sliver.slice)
            ?.map(({ person }) => person),
        ),
      ];
      const use = sliver.state === 'running' ? useOf(vmm, sliver.slice) : Promise.resolve(null);
      return use.then((known) => ({ ...sliver, principal, authority, people, use: known }));
    }),
  );
}

async function useOf(vmm: Vmm, slice: SliceName): Promise<AdminSliver['use']> {
  try {
    const { cpuMs, memoryMiB, processes } = await vmm.stats(asMachineId(slice));
    return { cpuMs, memoryMiB, processes };
  } catch {
    return null; // it has ended since; its state will say so
  }
}
