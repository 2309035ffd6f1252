import { Principal } from '@planetlab/model';
import { expect, it, vi } from 'vitest';
import type { StepEntry } from '../store/step-log.ts';
import { createRebooter } from './reboot.ts';

const BY = Principal.parse('person:tech@example.org');
const request = { id: '0198f1c2-7a5e-7000-8000-000000000000', reason: 'A new kernel' };

function rebooter(allowed: boolean, reboot = async () => {}) {
  const steps: StepEntry[] = [];
  let reboots = 0;
  const machine = {
    bootId: () => 'first',
    reboot: () => {
      reboots++;
      return reboot();
    },
  };
  const made = createRebooter({ machine, allowed, log: (entry) => steps.push(entry), now: () => 0 });
  return { made, steps, reboots: () => reboots };
}

it('reboots the machine once for a request, after it has answered, and writes down who wanted it', async () => {
  const { made, steps, reboots } = rebooter(true);
  expect(made.request(request, BY)).toEqual({ bootId: 'first' });
  expect(made.request(request, BY)).toEqual({ bootId: 'first' });
  expect(reboots()).toBe(0);
  await vi.waitFor(() => expect(steps).toHaveLength(1), { timeout: 30_000 });
  expect(reboots()).toBe(1);
  expect(steps[0]).toMatchObject({ step: 'Reboot', outcome: 'done', message: `${BY}: A new kernel` });
});

it('does not where the owner has not allowed it, and says what to write', () => {
  const { made } = rebooter(false);
  expect(() => made.request(request, BY)).toThrow(/"rebootOnRequest": true/);
});

it('writes down what went wrong, and may be asked again', async () => {
  const { made, steps, reboots } = rebooter(true, () => Promise.reject(new Error('no such program')));
  made.request(request, BY);
  await vi.waitFor(() => expect(steps).toHaveLength(1), { timeout: 30_000 });
  expect(steps[0]).toMatchObject({ outcome: 'failed', message: expect.stringContaining('no such program') });
  made.request(request, BY);
  await vi.waitFor(() => expect(reboots()).toBe(2), { timeout: 30_000 });
});
