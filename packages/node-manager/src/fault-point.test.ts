import { describe, expect, it } from 'vitest';
import { faultPointFrom } from './fault-point.ts';

describe('a fault point', () => {
  it('ends the process at the time that was asked for, and at no other point', () => {
    let crashes = 0;
    const reached = faultPointFrom({ NODE_ENV: 'test', PLANETLAB_FAULT: 'step:CreateMachine:2' }, () => {
      crashes++;
    });
    for (const point of ['step:CreateMachine', 'write:addLeases', 'step:CreateMachine', 'step:CreateMachine']) {
      reached(point);
    }
    expect(crashes).toBe(1);
  });

  it('does nothing unless asked, and is refused outside tests', () => {
    faultPointFrom({})('step:CreateMachine');
    expect(() => faultPointFrom({ PLANETLAB_FAULT: 'step:CreateMachine:1' })).toThrow(/Unset it/);
    expect(() => faultPointFrom({ NODE_ENV: 'test', PLANETLAB_FAULT: 'nonsense' })).toThrow(/Unset it/);
  });
});
