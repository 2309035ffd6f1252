import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Problem } from '@planetlab/contract';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type CliOptions, cli as runCli, temporaryHome } from '../testing/cli.ts';
import { type PlcServer, startPlcServer, TOKEN } from '../testing/plc-server.ts';

let plc: PlcServer;
beforeAll(async () => {
  plc = await startPlcServer();
});
afterAll(() => plc[Symbol.asyncDispose]());

const signedIn = () => ({ PLANETLAB_URL: plc.url, PLANETLAB_TOKEN: TOKEN });
const cli = (line: string, options: CliOptions = {}) => runCli(line.split(' '), { env: signedIn(), ...options });
const json = (text: string): unknown => JSON.parse(text);

describe('signing in', () => {
  it('checks the token, keeps it, and is used by later commands until it is forgotten', async () => {
    await using home = await temporaryHome();
    const env = { HOME: home.path };
    const login = await runCli(['login', '--url', `${plc.url}/`, '--with-token'], { env, input: `${TOKEN}\n` });
    expect(login).toMatchObject({ code: 0, stderr: '' });
    expect(login.stdout).toContain('as ada@example.org (admin)');
    expect(json(await readFile(join(home.path, '.config/planetlab/config.json'), 'utf8'))).toEqual({
      url: plc.url,
      token: TOKEN,
    });
    expect((await runCli(['whoami'], { env })).stdout).toContain('ada@example.org');
    expect((await runCli(['logout'], { env })).stdout).toContain('the token works no longer');
    expect(plc.requests.at(-1)).toBe('DELETE /v1/tokens/current');
    const after = await runCli(['whoami', '--url', plc.url], { env });
    expect(after.code).toBe(1);
    expect(after.stderr).toBe(
      `pl: You are not signed in at ${plc.url}. [not_signed_in]\n    Sign in with \`pl login --url URL\`, or set PLANETLAB_TOKEN.\n`,
    );
  });

  it('keeps nothing when the PLC refuses the token', async () => {
    await using home = await temporaryHome();
    const env = { HOME: home.path };
    const refused = await runCli(['login', '--url', plc.url], { env, input: 'wrong' });
    expect(refused).toMatchObject({ code: 1, stdout: '' });
    expect(refused.stderr).toContain('Your token is not valid or has ended. [not_signed_in]');
    await expect(readFile(join(home.path, '.config/planetlab/config.json'))).rejects.toThrow('ENOENT');
    expect((await runCli(['login', '--url', plc.url], { env, input: '' })).stderr).toContain('Nothing was given');
    const terms = await runCli(['login', '--url', plc.url, '--with-token', '--scope', 'read'], { env, input: TOKEN });
    expect(terms.code, 'a token that is given has its scopes').toBe(2);
  });
});

it('interfaces of a node are declared, listed and taken back', async () => {
  await cli('node create iface1 --site eth');
  const added = await cli('node add-interface iface1 192.0.2.7 --hostname n.example.org');
  expect(added.stdout).toBe('Node iface1 has the interface 192.0.2.7.\n');
  await cli('node add-interface iface1 192.0.2.8 --use management');
  await cli('node add-interface iface1 192.0.2.7');
  expect((await cli('node interfaces iface1')).stdout).toMatch(/192.0.2.8 +management +-\n192.0.2.7 +public +-\n/);
  expect((await cli('node remove-interface iface1 192.0.2.8')).code).toBe(0);
  expect((await cli('node remove-interface iface1 192.0.2.8')).stderr).toContain('has no interface 192.0.2.8');
  expect((await cli('node show iface1')).stdout).toMatch(/Interfaces +192.0.2.7\n/);
});

describe('sites, people, keys, tokens', () => {
  it('are created, listed over all pages, and shown', async () => {
    expect((await cli('site create princeton --title Princeton')).stdout).toBe('Site princeton is registered.\n');
    await cli('site create eth --title ETH');
    const list = await cli('site list');
    expect(list.stdout.split('\n').map((line) => line.split(/ +/)[0])).toEqual(['NAME', 'princeton', 'eth', '']);
    expect((await cli('site show eth')).stdout).toContain('ETH');
    const twice = await cli('site create eth --title ETH --json');
    expect(twice).toMatchObject({ code: 1, stdout: '' });
    expect(Problem.parse(json(twice.stderr))).toMatchObject({ code: 'already_exists', status: 409, fault: 'caller' });
  });

  it('have roles at sites', async () => {
    const made = await cli('person create bob@example.org --name Bob --role pi@eth user@princeton');
    expect(made.stdout).toBe('bob@example.org is registered as pi at eth, user at princeton.\n');
    expect(await cli('person create c@example.org --name C --role king@eth')).toMatchObject({ code: 2 });
    const people = json((await cli('person list --json')).stdout);
    expect(people).toMatchObject({ items: [{ email: 'ada@example.org' }, { email: 'bob@example.org' }], next: null });
  });

  it('add keys from a file or standard input, never a private one', async () => {
    await using home = await temporaryHome();
    const file = join(home.path, 'key');
    await writeFile(file, '-----BEGIN OPENSSH PRIVATE KEY-----\nsecret\n');
    const before = plc.requests.length;
    const refused = await cli(`key add ${file}`);
    expect(refused.stderr).toContain('is a private key');
    expect(refused.stderr).not.toContain('secret');
    expect(plc.requests.length).toBe(before);
    const added = await cli('key add -', { input: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA== ada@laptop\n' });
    expect(added.stdout).toBe('Key SHA256:abc now opens the slivers of ada@example.org.\n');
    expect((await cli('key list')).stdout).toContain('ada@laptop');
    expect((await cli('key remove SHA256:abc')).code).toBe(0);
    expect((await cli('key list')).stderr).toContain('Add yours with');
    expect((await cli(`key add ${home.path}/none.pub`)).stderr).toContain('there is no such file');
  });

  it('print a token alone on standard output', async () => {
    const made = await cli('token create ci --for 4w');
    expect(made.stdout).toBe('new-token\n');
    expect(made.stderr).toContain('Token ci ends in 4 w. It is shown only this once:');
    expect((await cli('node invite nowhere')).stderr).toContain('[unknown_node]');
  });
});

describe('slices on nodes', () => {
  beforeEach(async () => {
    plc.slices.clear();
    plc.slivers.clear();
    plc.fates.clear();
    plc.nodes.clear();
    for (const node of ['tokyo', 'zurich', 'berkeley']) await cli(`node create ${node} --site eth`);
    await cli('slice create eth_demo --description hello --memory 1G');
  });

  it('are made with the resources asked for and the defaults of the rest', async () => {
    const slice = json((await cli('slice show eth_demo --json')).stdout);
    expect(slice).toMatchObject({ description: 'hello', resources: { memoryMiB: 1024, cpuShares: 1, processes: 512 } });
    expect((await cli('slice create eth_web --url https://example.org --json')).stdout).toContain(
      '"url":"https://example.org"',
    );
    expect((await cli('slice list')).stdout).toContain('0 of 0');
  });

  it('wait until all run, and show each on the way', async () => {
    const added = await cli('slice add-node eth_demo --all');
    expect(added.code).toBe(0);
    expect(added.stderr).toContain('tokyo  ● running  in 84 ms');
    expect(added.stdout).toMatch(/^NODE +STATE +TIME TO RUNNING +ADDRESS +REASON\n/);
    expect(added.stdout.match(/running +84 ms +10\.0\.0\.2/g)).toHaveLength(3);
  });

  it('succeed in part: exit 1, each failure with its reason', async () => {
    const reason = {
      code: 'insufficient_resources',
      message: 'The node has 100 MiB of memory left, and 1024 were asked for.',
    };
    plc.fates.set('zurich', { state: 'refused', reason });
    const added = await cli('slice add-node eth_demo tokyo zurich');
    expect(added.code).toBe(1);
    expect(added.stdout).toContain(`${reason.message} [insufficient_resources]`);
    expect(added.stderr).toContain(
      `pl: eth_demo does not run on 1 of 2 nodes. zurich: ${reason.message} [insufficient_resources]\n`,
    );
    const shown = await cli('sliver show eth_demo@zurich');
    expect(shown.stdout).toContain(reason.message);
    expect(shown.stdout).toMatch(/Whose fault +the node’s/);
    const failed = await cli('slice add-node eth_demo zurich --json');
    expect(json(failed.stdout)).toMatchObject({ items: [{ node: 'zurich', state: 'refused', reason }] });
    expect(json(failed.stderr)).toMatchObject({ code: 'insufficient_resources', details: { nodes: ['zurich'] } });
  });

  it('do not wait for a straggler longer than told', async () => {
    plc.fates.set('zurich', undefined);
    const added = await cli('slice add-node eth_demo tokyo zurich --timeout 0.3s');
    expect(added.code).toBe(1);
    expect(added.stderr).toContain('zurich: it is still requested');
    expect(added.stderr).toContain('[timed_out]');
    expect((await cli('slice add-node eth_demo zurich --detach')).code).toBe(0);
  });

  it('go on by themselves when the person stops waiting, who is told how to look and how to undo it', async () => {
    plc.fates.set('zurich', undefined);
    const interruption = new AbortController();
    setTimeout(() => interruption.abort('SIGINT'), 300);
    const added = await cli('slice add-node eth_demo tokyo zurich', { interrupted: interruption.signal });
    expect(added).toMatchObject({ code: 130, stdout: '' });
    expect(added.stderr).toContain('interrupted; the nodes go on by themselves');
    expect(added.stderr).toContain('pl sliver list --slice eth_demo');
    expect(added.stderr).toContain('pl slice remove-node eth_demo tokyo zurich');
    expect(plc.slivers.size).toBe(2);
  });

  it('leave out nodes that are not in service, and say so', async () => {
    const tokyo = plc.nodes.get('tokyo');
    if (tokyo !== undefined) plc.nodes.set('tokyo', { ...tokyo, state: 'disconnected' });
    const added = await cli('slice add-node eth_demo --all');
    expect(added.stderr).toContain('Left out: tokyo: it is disconnected');
    expect(added.code).toBe(0);
  });

  it('are taken off nodes, each by itself', async () => {
    await cli('slice add-node eth_demo tokyo zurich');
    const removed = await cli('slice remove-node eth_demo tokyo berkeley zurich');
    expect(removed.code).toBe(1);
    expect(removed.stderr).toContain('berkeley: There is no sliver eth_demo@berkeley.');
    expect((await cli('sliver list --slice eth_demo')).stderr).toContain('There are no slivers');
  });

  it('change what each sliver may use, and only what is said', async () => {
    const set = await cli('slice set eth_demo --memory 512M --cpu-reserved 500m');
    expect(set.stdout).toContain('Each sliver: 512 MiB memory, CPU weight 1, 0.5 reserved cores, 4.9 GiB disk');
    expect((await cli('slice show eth_demo')).stdout).toContain('512 MiB memory');
    expect(await cli('slice set eth_demo')).toMatchObject({ code: 2 });
    expect((await cli('slice set eth_demo --cpu-reserved much')).stderr).toContain('such as 500m or 0.5');
  });

  it('may send so much, by so many ports, from the beginning or later', async () => {
    const limits = '--egress-min 500k --egress-max 50M --egress-shares 2 --egress-daily 20G --new-flows 50';
    const made = await cli(`slice create eth_cdn ${limits} --cpu-reserved 0.1 --port tcp/80 --json`);
    expect(json(made.stdout)).toMatchObject({
      resources: {
        ...{ cpuReservedMillis: 100, newFlowsPerSecond: 50, ports: [{ protocol: 'tcp', port: 80 }] },
        egress: { minKbps: 500, maxKbps: 50_000, shares: 2, dailyMiB: 20_480 },
      },
    });
    const set = await cli(
      'slice set eth_cdn --egress-max 1M --add-port udp/53 --add-port tcp/443 --remove-port tcp/80',
    );
    expect(set.stdout).toContain(
      'Egress: at least 500 kbit/s, at most 1 Mbit/s, weight 2, 20 GiB a day, 50 new flows a second. Ports: udp/53, tcp/443.',
    );
    expect((await cli('slice show eth_cdn')).stdout).toMatch(/Egress +at least 500 kbit\/s, at most 1 Mbit\/s/);
    expect(await cli('slice set eth_cdn --remove-port tcp/80')).toMatchObject({
      ...{ code: 2, stderr: expect.stringContaining('It has no port tcp/80.') },
    });
    const none = await cli('slice set eth_cdn --remove-port udp/53 --remove-port tcp/443 --json');
    expect(json(none.stdout)).toMatchObject({ resources: { ports: [], egress: { minKbps: 500, maxKbps: 1000 } } });
  });

  it('show limit, guarantee and use of a sliver that runs', async () => {
    plc.fates.set('zurich', { state: 'running' });
    await cli('slice add-node eth_demo zurich');
    const { stdout } = await cli('sliver show eth_demo@zurich');
    expect(stdout).toMatch(
      /CPU +weight 1, .*at least 0.25 cores when all are busy, used 1 min 30 s, the node's kernel does not count waiting/,
    );
    expect(stdout).toMatch(
      /Memory +31 MiB of [\d.]+ [MG]iB, at most 64 MiB, 3 times at the limit, waited 2.5 s for memory, programs ended by it: 1/,
    );
    expect(stdout).toMatch(/Processes +7 of 512, 0 refused/);
    expect(stdout).toMatch(/Disk +120 MiB of 4.9 GiB, 40 of 1000 files, bound by loop/);
    expect(stdout).toMatch(/Egress .*not enforced by this node, and not counted/);
    expect(stdout).toMatch(/Flows .*use and what was refused are not counted by this node/);
    expect(stdout).toMatch(/Ports +none bound/);
    const { usage } = json((await cli('sliver show eth_demo@zurich --json')).stdout) as { usage: object };
    expect(usage).toMatchObject({ cpu: { waitedMs: null }, memory: { waitedMs: 2_500, atLimit: 3 } });
    expect(stdout).toMatch(/Notice +.*A program was ended\./);
  });

  it('end when renewed until, and nothing is renewed for an unclear time', async () => {
    const renewed = await cli('slice renew eth_demo --until 2031-12-24');
    expect(renewed.stdout).toContain('(2031-12-24 00:00 UTC)');
    expect(await cli('slice renew eth_demo')).toMatchObject({ code: 2 });
    expect(await cli('slice renew eth_demo --for 4w --until 2031-12-24')).toMatchObject({ code: 2 });
  });
});

describe('mistakes', () => {
  it('in the command line exit 2 with a sentence, as a problem with --json', async () => {
    const unknown = await cli('slcie list');
    expect(unknown).toMatchObject({ code: 2, stdout: '' });
    expect(unknown.stderr).toContain("pl: Unknown command 'slcie'. Did you mean slice?");
    expect((await cli('slice craete x')).stderr).toContain('Did you mean create?');
    expect((await cli('slice list --jsn')).stderr).toContain('Did you mean --json?');
    expect((await cli('slice')).code).toBe(2);
    expect(json((await cli('slice renew x --json')).stderr)).toMatchObject({ code: 'malformed_request' });
    expect((await cli('sliver show no-at-sign')).code).toBe(2);
  });

  it('in names come back in the words of the PLC', async () => {
    const bad = await cli('slice create Not_OK');
    expect(bad.code).toBe(1);
    expect(bad.stderr).toContain('[malformed_name]');
  });

  it('of the network name the address and what to do', async () => {
    const away = await runCli(['node', 'list', '--url', 'http://127.0.0.1:9'], { env: { PLANETLAB_TOKEN: 'x' } });
    expect(away.code).toBe(1);
    expect(away.stderr).toContain('No answer from http://127.0.0.1:9');
    expect(away.stderr).toContain('[authority_unreachable]');
  });

  it('do not show secrets with --verbose', async () => {
    const verbose = await cli('site list --verbose');
    expect(verbose.stderr).toContain('> GET /v1/sites');
    expect(verbose.stderr).toMatch(/< 200 in \d+/);
    expect(verbose.stderr).not.toContain(TOKEN);
  });
});

describe('help', () => {
  it('explains each command, with an example', async () => {
    const { GROUPS } = await import('../program.ts');
    for (const group of GROUPS) {
      const help = await cli(`${group.name} --help`);
      expect(help.code).toBe(0);
      const subcommands = [...help.stdout.matchAll(/^ {2}([a-z-]+) (?:\[options\] ?)?/gm)].map((match) => match[1]);
      const leaves = help.stdout.includes('\nCommands:') ? subcommands : [];
      expect(leaves.length > 0 || help.stdout.includes('Example:\n  $ pl ')).toBe(true);
      for (const leaf of leaves) expect((await cli(`${group.name} ${leaf} --help`)).stdout).toContain('Example:\n  $ ');
    }
  });

  it('can be asked for in front', async () => {
    expect((await cli('help slice create')).stdout).toContain('--cpu-shares');
  });

  it('completes in bash', async () => {
    const script = (await cli('completion bash')).stdout;
    expect(script).toContain("'slice add-node') words='--all --detach --timeout");
  });
});
