import { afterAll, beforeAll, expect, it } from 'vitest';
import { near, requestOf } from '../selection.ts';
import { cli as runCli } from '../testing/cli.ts';
import { type PlcServer, startPlcServer, TOKEN } from '../testing/plc-server.ts';

let plc: PlcServer;
const cli = (line: string, ...more: string[]) =>
  runCli([...line.split(' '), ...more], { env: { PLANETLAB_URL: plc.url, PLANETLAB_TOKEN: TOKEN } });

beforeAll(async () => {
  plc = await startPlcServer();
  for (const node of ['tokyo', 'zurich', 'berkeley']) await cli(`node create ${node} --site eth`);
  await cli('slice create eth_demo');
});
afterAll(() => plc[Symbol.asyncDispose]());

it('nodes that would be taken are shown, and with --explain the others too', async () => {
  const shown = await cli('node select --count 2 --spread as', 'country == "CH"');
  expect(shown).toMatchObject({ code: 0, stderr: '2 are taken. To choose so again: --seed 7\n' });
  expect(shown.stdout).toMatch(/^NODE +TAKEN +WHY\ntokyo +yes +It was asked for country == "CH"\.\nzurich +yes/);
  expect(shown.stdout).not.toContain('berkeley');
  expect((await cli('node select --count 2 --explain')).stdout).toMatch(/berkeley +no/);
  expect(JSON.parse((await cli('node select --count 2 --json')).stdout)).toMatchObject({ chosen: ['tokyo', 'zurich'] });
});

it('a slice is put on nodes that are chosen, and waits for them', async () => {
  const added = await cli('slice add-node eth_demo --count 2 --where', 'memory_free_mib > 1000');
  expect(added.code).toBe(0);
  expect(added.stdout.match(/running/g)).toHaveLength(2);
  expect(await cli('slice add-node eth_demo tokyo --count 2')).toMatchObject({ code: 2 });
  expect(await cli('slice add-node eth_demo')).toMatchObject({ code: 2 });
});

it('what may be asked of a node is shown', async () => {
  expect((await cli('node attributes')).stdout).toMatch(/memory_free_mib +int +of that, not promised/);
});

it('near is a place or a node', async () => {
  expect(near('47.4,-8.5')).toEqual({ latitude: 47.4, longitude: -8.5 });
  expect(near('tokyo')).toEqual({ node: 'tokyo' });
  expect(() => near('47.4;8')).toThrow('It is a node, or a place');
  expect(requestOf('true', { exclude: ['a'], seed: 3, anyState: true })).toEqual({
    where: 'true',
    exclude: ['a'],
    seed: 3,
    anyState: true,
  });
});
