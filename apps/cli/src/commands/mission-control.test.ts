import { afterAll, beforeAll, expect, it } from 'vitest';
import { cli as runCli } from '../testing/cli.ts';
import { type PlcServer, startPlcServer, TOKEN } from '../testing/plc-server.ts';

let plc: PlcServer;
const cli = (line: string, ...more: string[]) =>
  runCli([...line.split(' '), ...more], { env: { PLANETLAB_URL: plc.url, PLANETLAB_TOKEN: TOKEN } });

beforeAll(async () => {
  plc = await startPlcServer();
});
afterAll(() => plc[Symbol.asyncDispose]());

it('announcements are made, listed and ended', async () => {
  const made = await cli('announcement create --level incident --for 2h --mail --site eth', 'A cable is cut');
  expect(made.stdout).toBe('Announcement 1 is made. 3 people are mailed.\n');
  expect((await cli('announcement list')).stdout).toMatch(/1 +incident +site eth +now|ago +in 2 h +A cable is cut/);
  expect(await cli('announcement create x --for 2h --until 2030-01-01')).toMatchObject({ code: 2 });
  expect((await cli('announcement end 1')).stdout).toBe('Announcement 1 is over.\n');
  expect((await cli('announcement list')).stderr).toContain('There are no announcements.');
});

it('the status of an authority is shown without signing in', async () => {
  const shown = await runCli(['status', '--url', plc.url], { env: {} });
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/Nodes +2 connected, 0 disconnected, 1 awaited/);
});

it('events are searched by person, slice, node, address and time', async () => {
  const line = 'events --person ada@example.org --slice eth_demo --node tokyo --address 192.0.2.1 --since 2d';
  expect((await cli(line)).code).toBe(0);
  const asked = plc.requests.at(-1) ?? '';
  for (const part of ['person=ada%40example.org', 'slice=eth_demo', 'node=tokyo', 'address=192.0.2.1', 'since=20'])
    expect(asked).toContain(part);
  expect(await cli('events --since yesterday')).toMatchObject({ code: 2 });
});
