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

it('the kill switch is pulled, shown and lifted', async () => {
  const pulled = await cli('kill-switch pull slice eth_demo --reason', 'It scans');
  expect(pulled.stdout).toBe('The slice eth_demo is stopped.\n');
  expect((await cli('kill-switch list')).stdout).toMatch(/slice +eth_demo +.* +person:ada@example.org +It scans/);
  expect((await cli('kill-switch lift slice eth_demo')).stdout).toBe('The slice eth_demo goes on.\n');
  expect((await cli('kill-switch lift slice eth_demo')).stderr).toContain('[not_stopped]');
  expect(await cli('kill-switch pull planet earth --reason x')).toMatchObject({ code: 2 });
});

it('a decision over many things is shown first, and done only with the digest of what was shown', async () => {
  const line = 'mass node.drain --reason update --where';
  const shown = await cli(line, 'country == "CH"');
  expect(shown.stdout).toContain('is tried');
  expect(shown.stderr).toContain('Nothing is done yet. To do exactly this, say it again with: --apply a-digest');
  const done = await cli(line, 'country == "CH"', '--apply', 'a-digest');
  expect(done.stdout).toMatch(/^1 done, 0 failed\. Each is in: pl operation show /);
  expect((await cli(line, 'true', '--apply', 'other')).stderr).toContain('[conflict]');
  expect((await cli('mass slice.suspend --reason x --on-node tokyo')).stdout).toContain('"node":"tokyo"');
  expect((await cli('mass person.stop --reason x --name eve@example.org')).stdout).toContain('eve@example.org');
  expect(await cli('mass node.drain --reason x')).toMatchObject({ code: 2 });
  expect(await cli('mass slice.suspend --reason x --where true')).toMatchObject({ code: 2 });
});
