import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import type { BanSubject, StepRecord } from '@planetlab/contract';
import { killCgroupTree } from '@planetlab/linux';
import { messageOf, PlanetLabError, type SliceName, toInstant } from '@planetlab/model';
import {
  checkBanned,
  checkStopped,
  noSliver,
  withBan,
  withoutBan,
  withoutStop,
  withStop,
} from '../admission/decisions.ts';
import { takeNodeLock } from '../node-lock.ts';
import { nodeNames, nodePaths } from '../paths.ts';
import { findTag } from '../purge.ts';
import { localStatus } from '../status.ts';
import { createStepLog } from '../store/step-log.ts';
import { openDecisionFile } from './decision-file.ts';

/**
 * What the administrator can do while no manager runs: decide, and end what runs in a sliver at once. The rest of a
 * decision is carried out when the manager starts. No manager can start in the middle of it.
 */
export function adminWithoutManager(stateDir: string, now: () => number) {
  const paths = nodePaths(stateDir);
  if (!existsSync(paths.node)) {
    throw new PlanetLabError('conflict', `${stateDir} is not the state folder of a node that has joined an authority.`);
  }
  const status = localStatus(stateDir);

  const decide = <T>(work: (file: ReturnType<typeof openDecisionFile>) => T): T => {
    using _lock = takeNodeLock(paths.lock);
    return work(openDecisionFile(paths.decisions));
  };
  const end = async (slice: string): Promise<void> => {
    const tag = findTag(paths);
    if (tag !== undefined) await killCgroupTree(`${nodeNames(tag).cgroupParent}/${slice}`);
  };
  const has = (slice: string) => status.slivers.some((sliver) => sliver.slice === slice);

  return {
    async stop(slice: SliceName, reason: string | null) {
      if (!has(slice)) throw noSliver(slice);
      const stop = { slice, reason, at: toInstant(now()) };
      try {
        decide((file) => file.change((before) => withStop(before, stop)));
      } finally {
        await end(slice); // also when it cannot be written down
      }
      return stop;
    },
    start(slice: SliceName) {
      decide((file) => {
        checkStopped(file.current(), slice);
        file.change((before) => withoutStop(before, slice));
      });
    },
    bans: () => openDecisionFile(paths.decisions).current().bans,
    async ban(subject: BanSubject, reason: string | null) {
      const ban = { subject, reason, at: toInstant(now()) };
      try {
        decide((file) => file.change((before) => withBan(before, ban)));
      } finally {
        if (has(subject)) await end(subject);
      }
      return ban;
    },
    unban(subject: BanSubject) {
      decide((file) => {
        checkBanned(file.current(), subject);
        file.change((before) => withoutBan(before, subject));
      });
    },
    drain(reason: string | null) {
      const drain = { reason, at: toInstant(now()) };
      decide((file) => file.change((before) => ({ ...before, drain })));
      return drain;
    },
    undrain() {
      decide((file) => file.change((before) => ({ ...before, drain: null })));
    },
    steps: (slice: string | undefined, limit: number) => readSteps(paths.database, slice, limit),
  };
}

function readSteps(path: string, slice: string | undefined, limit: number): readonly StepRecord[] {
  if (!existsSync(path)) return [];
  try {
    using database = new DatabaseSync(path);
    return createStepLog(database).list({ slices: slice === undefined ? 'all' : [slice], limit });
  } catch (cause) {
    throw new PlanetLabError(
      'step_failed',
      `${path} has the log of steps and cannot be read: ${messageOf(cause)}. A damaged one is put aside when the node manager starts, with this log; leases are taken from their journal.`,
      { cause },
    );
  }
}
