import { NodeName, type Place } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { allWorked, reportRows, roundTripRows } from './report.ts';
import type { LabReport, NodeReport } from './types.ts';

const place: Place = { city: 'Zürich', country: 'CH', latitude: 47.4, longitude: 8.5 };

const node = (name: string, change: Partial<NodeReport> = {}): NodeReport => ({
  node: NodeName.parse(name),
  place,
  state: 'running',
  timeToRunningMs: 412,
  output: `Linux demo_hello 6.12.0`,
  roundTripsMs: {},
  problems: [],
  ...change,
});

const report = (nodes: readonly NodeReport[]): LabReport => ({
  name: 'lab',
  mode: 'real',
  simulatedBecause: null,
  ok: allWorked(nodes),
  slice: 'demo_hello',
  nodes,
  access: {
    plcUrl: 'http://127.0.0.1:8420',
    tokenFile: '/state/token',
    signInLink: null,
    sshConfigFile: '/state/ssh_config',
    sshCommand: null,
  },
  durationMs: 1000,
});

describe('the report of a lab', () => {
  it('has a line for each node', () => {
    const rows = reportRows(
      report([node('zurich', { roundTripsMs: { tokyo: 145.7, berkeley: 142.34, princeton: null } })]),
    );
    expect(rows[1]).toEqual([
      'zurich',
      'Zürich, CH',
      'running',
      '412 ms',
      'Linux demo_hello 6.12.0',
      'tokyo 146, berkeley 142, princeton —',
    ]);
  });

  it('sums many round-trip times up', () => {
    const roundTripsMs = { a: 2.04, b: 100, c: 300.2, d: null, e: 5 };
    expect(reportRows(report([node('zurich', { roundTripsMs })]))[1]?.at(-1)).toBe('2.0 to 300 (4 of 5)');
  });

  it('says the reason where the command did not run', () => {
    const problems = [{ code: 'sliver_not_running', message: 'The node refused.' }] as const;
    const failed = node('zurich', { state: 'refused', output: null, timeToRunningMs: null, problems });
    expect(reportRows(report([failed]))[1]?.slice(2)).toEqual(['refused', '—', 'The node refused.', '—']);
  });

  it('shows all round-trip times as a matrix', () => {
    const nodes = [node('a', { roundTripsMs: { b: 10 } }), node('b', { roundTripsMs: { a: null } })];
    expect(roundTripRows(report(nodes))).toEqual([
      ['ms', 'a', 'b'],
      ['a', '', '10'],
      ['b', '—', ''],
    ]);
  });

  it('is well only when every node is', () => {
    expect(allWorked([])).toBe(false);
    expect(allWorked([node('a'), node('b')])).toBe(true);
    expect(allWorked([node('a'), node('b', { state: 'starting' })])).toBe(false);
    expect(allWorked([node('a', { problems: [{ code: 'timed_out', message: 'No answer.' }] })])).toBe(false);
  });
});
