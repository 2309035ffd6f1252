import { type ErrorCode, PlanetLabError } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { browserOpener } from './browser.ts';
import { waitForToken } from './device-sign-in.ts';

const refusal = (code: ErrorCode, details = {}) => new PlanetLabError(code, 'Not yet.', { details });

/** Asks that meet these refusals, one after the other, before the token. */
function asking(...refusals: readonly PlanetLabError[]) {
  const left = [...refusals];
  const interrupted = new AbortController();
  const io = { now: () => 0, interrupted: interrupted.signal };
  const ask = async () => {
    const next = left.shift();
    if (next !== undefined) throw next;
    return 'pl_token';
  };
  const wait = () => waitForToken({ io: io as never }, { ask, intervalMs: 1, untilMs: 1 });
  return { wait, left, interrupted };
}

describe('waiting for somebody to agree in the browser', () => {
  it('goes on while nobody has, and while the way there is gone for a moment', async () => {
    const { wait, left } = asking(
      refusal('authorization_pending', { retryAfterSeconds: 0.001 }),
      refusal('slow_down', { retryAfterSeconds: 0.002 }),
      refusal('authority_unreachable'),
    );
    expect(await wait()).toBe('pl_token');
    expect(left).toEqual([]);
  });

  it('ends with a refusal, and with the end of the code', async () => {
    for (const code of ['access_denied', 'expired_token'] as const) {
      await expect(asking(refusal('authorization_pending'), refusal(code)).wait()).rejects.toMatchObject({ code });
    }
  });

  it('ends when it is interrupted', async () => {
    const { wait, interrupted } = asking();
    interrupted.abort('SIGINT');
    await expect(wait()).rejects.toThrow();
  });
});

it('a browser is opened only where there is a screen', () => {
  expect(browserOpener('linux', {})).toBeUndefined();
  expect(browserOpener('linux', { DISPLAY: ':0' })).toBe('xdg-open');
  expect(browserOpener('linux', { WAYLAND_DISPLAY: 'wayland-0' })).toBe('xdg-open');
  expect(browserOpener('darwin', {})).toBe('open');
});
