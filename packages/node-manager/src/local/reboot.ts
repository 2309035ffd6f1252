import { existsSync, readFileSync } from 'node:fs';
import type { RebootRequest } from '@planetlab/contract';
import type { CommandRunner } from '@planetlab/linux';
import { messageOf, PlanetLabError, type Principal, SECOND_MS } from '@planetlab/model';
import type { StepEntry } from '../store/step-log.ts';

/** The machine under the node, as far as others may ask something of it. */
export interface Machine {
  /** Another one after each start of the machine. */
  bootId(): string;
  /** Begins a reboot; resolves when it is under way. */
  reboot(): Promise<void>;
}

export const thisMachine = (runner: CommandRunner): Machine => ({
  bootId: () => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
  async reboot() {
    const hasSystemd = existsSync('/run/systemd/system');
    await runner.run({ argv: hasSystemd ? ['systemctl', 'reboot'] : ['shutdown', '-r', 'now'] });
  },
});

export interface RebooterOptions {
  readonly machine: Machine;
  /** Whether the owner of the machine lets the authority's people do it. */
  readonly allowed: boolean;
  readonly log: (entry: StepEntry) => void;
  readonly now: () => number;
}

/** Reboots the machine when it is asked to, where its owner allows it. */
export interface Rebooter {
  readonly bootId: () => string;
  /** The same request again is not another reboot. Throws `admission_refused`. */
  request(request: RebootRequest, by: Principal): { readonly bootId: string };
}

/** For the reply to get out. */
const REPLY_MS = SECOND_MS;

export function createRebooter({ machine, allowed, log, now }: RebooterOptions): Rebooter {
  let begun: string | undefined;
  const reboot = async (message: string) => {
    const entry = { atMs: now(), slice: null, step: 'Reboot', durationMs: 0 };
    try {
      await machine.reboot();
      log({ ...entry, outcome: 'done', message });
    } catch (error) {
      begun = undefined;
      log({ ...entry, outcome: 'failed', message: `${message}: ${messageOf(error)}` });
    }
  };
  return {
    bootId: () => machine.bootId(),
    request({ id, reason }, by) {
      if (!allowed) throw notAllowed();
      const reply = { bootId: machine.bootId() };
      if (begun === id) return reply;
      begun = id;
      setTimeout(() => void reboot(`${by}: ${reason}`), REPLY_MS);
      return reply;
    },
  };
}

const notAllowed = () =>
  new PlanetLabError(
    'admission_refused',
    'The owner of this machine does not let others reboot it. Ask its administrator to reboot it, or to write "rebootOnRequest": true into /etc/planetlab/node.json.',
  );
