import { describe, expect, it } from 'vitest';
import { stopCommand } from './service.ts';

describe('stopping the manager', () => {
  it('leaves the unit enabled when the node is only switched off: it comes back with the machine, and with its package', () => {
    expect(stopCommand('systemd', 'until-started')).toEqual(['systemctl', 'stop', 'planetlab-node.service']);
  });

  it('disables the unit when the node leaves', () => {
    expect(stopCommand('systemd', 'for-good')).toEqual(['systemctl', 'disable', '--now', 'planetlab-node.service']);
  });
});
