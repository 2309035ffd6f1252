import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CliResult, cli as run } from '../testing/cli.ts';
import { type PlcServer, startPlcServer, TOKEN } from '../testing/plc-server.ts';

let plc: PlcServer;
const ID = '0198f1c2-7a5e-4000-8000-000000000000';

beforeAll(async () => {
  plc = await startPlcServer();
  await cli('site create eth ETH');
  await cli('node create tokyo --site eth');
  await cli('slice create eth_demo');
});
afterAll(() => plc[Symbol.asyncDispose]());

const cli = (line: string): Promise<CliResult> =>
  run(line.split(' '), { env: { PLANETLAB_URL: plc.url, PLANETLAB_TOKEN: TOKEN } });

describe('operations', () => {
  it('are begun without waiting, and followed by their id', async () => {
    const added = await cli('slice add-node eth_demo tokyo --detach');
    const id = /pl operation watch (\S+)/.exec(added.stderr)?.[1] ?? '';
    const watched = await cli(`operation watch ${id}`);
    expect(watched).toMatchObject({ code: 0 });
    expect(watched.stderr).toContain('eth_demo@tokyo: done');
    expect(watched.stdout).toContain('eth_demo@tokyo');
  });

  it('are listed, shown and canceled', async () => {
    expect((await cli('operation list')).stdout).toContain('slivers.add');
    expect((await cli(`operation show ${ID}`)).stderr).toContain('slivers.add of eth_demo: succeeded');
    expect(JSON.parse((await cli(`operation show ${ID} --json`)).stdout)).toMatchObject({ id: ID, items: [{}] });
    expect((await cli(`operation cancel ${ID}`)).stdout).toContain('Canceled');
  });

  it('take a slice off all its nodes', async () => {
    expect((await cli('slice remove-node eth_demo --all')).stdout).toContain('is being taken off every node');
    expect(plc.slivers.size).toBe(0);
    expect((await cli('slice remove-node eth_demo')).stderr).toContain('Name the nodes, or say --all');
  });
});
