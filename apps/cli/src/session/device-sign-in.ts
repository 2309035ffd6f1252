import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TokenScope } from '@planetlab/contract';
import { fromInstant, isPlanetLabError, SECOND_MS, toInstant } from '@planetlab/model';
import type { Invocation } from '../leaf.ts';
import { connect } from './client.ts';

export interface DeviceOptions {
  /** False where none is to be opened. */
  readonly browser?: boolean;
  readonly scope?: TokenScope[];
  /** How long the token is to work. */
  readonly for?: number;
}

/** A token by way of the person's browser, here or on another machine. Throws `no_such_route` at a PLC that is too old. */
export async function signInByBrowser(invocation: Invocation, url: string, options: DeviceOptions): Promise<string> {
  const { io, print } = invocation;
  const { client } = connect(invocation, url, '');
  const body = {
    label: `pl on ${hostname()}`.slice(0, 100),
    ...(options.scope === undefined ? {} : { scopes: options.scope }),
    ...(options.for === undefined ? {} : { expiresAt: toInstant(io.now() + options.for) }),
  };
  const started = await client.startDeviceSignIn({ body });
  const { deviceCode, userCode, verificationUri, verificationUriComplete, intervalSeconds, expiresAt } = started;
  const opened = options.browser !== false && (await io.openBrowser(verificationUriComplete));
  print.note(
    opened
      ? `Your browser opens ${verificationUri}; agree there if it shows the code ${userCode}.`
      : `Open ${verificationUriComplete} in a browser, or ${verificationUri} and type the code ${userCode}.`,
  );
  return waitForToken(invocation, {
    ask: async () => (await client.takeDeviceToken({ body: { deviceCode } })).token,
    intervalMs: intervalSeconds * SECOND_MS,
    untilMs: fromInstant(expiresAt),
  });
}

export interface Waiting {
  readonly ask: () => Promise<string>;
  readonly intervalMs: number;
  readonly untilMs: number;
}

const UNDECIDED = ['authorization_pending', 'slow_down'];
/** Of a connection that is gone for a moment. */
const PASSING = ['authority_unreachable', 'timed_out', 'too_many_requests'];

/** Asks as often as it is told to, until there is a token or a refusal. */
export async function waitForToken({ io }: Pick<Invocation, 'io'>, waiting: Waiting): Promise<string> {
  let { intervalMs } = waiting;
  for (;;) {
    await sleep(intervalMs, undefined, { signal: io.interrupted });
    try {
      return await waiting.ask();
    } catch (error) {
      const isPassing = isPlanetLabError(error) && PASSING.includes(error.code) && io.now() < waiting.untilMs;
      if (!isPassing && !(isPlanetLabError(error) && UNDECIDED.includes(error.code))) throw error;
      const told = Number(error.details['retryAfterSeconds']);
      if (told > 0) intervalMs = told * SECOND_MS;
    }
  }
}
