import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliOptions, cli as runCli } from '../testing/cli.ts';
import { type PlcServer, startPlcServer, TOKEN } from '../testing/plc-server.ts';

let plc: PlcServer;
const cli = (argv: readonly string[], options: CliOptions = {}) =>
  runCli(argv, { env: { PLANETLAB_URL: plc.url, PLANETLAB_TOKEN: TOKEN }, ...options });

beforeAll(async () => {
  plc = await startPlcServer();
  for (const node of ['tokyo', 'zurich']) await cli(['node', 'create', node, '--site', 'eth']);
  await cli(['slice', 'create', 'eth_demo']);
  await cli(['slice', 'add-node', 'eth_demo', '--all']);
});
afterAll(() => plc[Symbol.asyncDispose]());

describe('running a program in one sliver', () => {
  it('streams its input and outputs byte by byte, and exits with its code', async () => {
    const script = 'cat; printf oops >&2; exit 7';
    const ran = await cli(['exec', 'eth_demo@tokyo', '--', 'sh', '-c', script], { input: 'in and \u0001out' });
    expect(ran).toEqual({ code: 7, stdout: 'in and \u0001out', stderr: 'oops' });
  });

  it('carries much output', async () => {
    const ran = await cli(['exec', 'eth_demo@tokyo', '--', 'head', '-c', '5000000', '/dev/zero']);
    expect(ran.code).toBe(0);
    expect(ran.stdout.length).toBe(5_000_000);
  });

  it('says why it could not', async () => {
    const nowhere = await cli(['exec', 'eth_demo@berkeley', '--', 'true']);
    expect(nowhere.stderr).toContain('[unknown_sliver]');
  });

  it('exits with 127 for a program that is not there, and adds nothing for a script to read', async () => {
    const missing = await cli(['exec', 'eth_demo@tokyo', '--', 'no-such-program']);
    expect(missing).toEqual({ code: 127, stdout: '', stderr: '' });
    const everywhere = await cli(['exec', 'eth_demo', '--all', '--', 'no-such-program']);
    expect(everywhere.stderr).toContain('tokyo: exited with 127 (not found)');
  });

  it('ends it after the time given', async () => {
    const late = await cli(['exec', 'eth_demo@tokyo', '--timeout', '0.3s', '--', 'sleep', '60']);
    expect(late.code).toBe(1);
    expect(late.stderr).toContain('did not end within 300 ms and was stopped. [timed_out]');
  });

  it('ends it when interrupted, and exits 130', async () => {
    const interruption = new AbortController();
    setTimeout(() => interruption.abort('SIGINT'), 300);
    const ran = await cli(['exec', 'eth_demo@tokyo', '--', 'sleep', '60'], { interrupted: interruption.signal });
    expect(ran).toMatchObject({ code: 130, stderr: 'pl: interrupted\n' });
  });

  it('wants a program, and one way of saying where', async () => {
    for (const argv of [
      ['exec', 'eth_demo@tokyo'],
      ['exec', 'eth_demo', '--', 'true'],
      ['exec', 'eth_demo@tokyo', '--all', '--', 'true'],
      ['exec', 'eth_demo@tokyo', '-t'],
    ]) {
      expect(await cli(argv)).toMatchObject({ code: 2, stdout: '' });
    }
  });
});

describe('running a program in many slivers', () => {
  it('puts the node in front of each line', async () => {
    const ran = await cli(['exec', 'eth_demo', '--all', '--', 'sh', '-c', 'echo $PLANETLAB_NODE; printf end']);
    expect(ran.code).toBe(0);
    expect(ran.stdout.split('\n').toSorted()).toEqual([
      '',
      'tokyo  | end',
      'tokyo  | tokyo',
      'zurich | end',
      'zurich | zurich',
    ]);
  });

  it('sums up the failures, each with its reason', async () => {
    const script = 'test $PLANETLAB_NODE = tokyo || exit 3';
    const ran = await cli(['exec', 'eth_demo', '--node', 'tokyo', 'zurich', 'berkeley', '--', 'sh', '-c', script]);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toBe(
      '1 of 3 succeeded.\nzurich: exited with 3\nberkeley: There is no sliver eth_demo@berkeley. [unknown_sliver]\n',
    );
  });

  it('is one object for each node with --json', async () => {
    const ran = await cli(['exec', 'eth_demo', '--all', '--json', '--', 'sh', '-c', 'echo $PLANETLAB_NODE']);
    const { items } = JSON.parse(ran.stdout);
    expect(items).toMatchObject([
      { node: 'tokyo', code: 0, stdout: 'tokyo\n', stderr: '', problem: null },
      { node: 'zurich', code: 0, stdout: 'zurich\n' },
    ]);
    expect(ran.stderr).toBe('');
  });
});
