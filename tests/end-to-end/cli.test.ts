import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const APPS = resolve(import.meta.dirname, '../../apps');
const PL = join(APPS, 'cli/main.ts');
const NODES = ['tokyo', 'zurich'] as const;
const LONG = { timeout: 60_000, interval: 200 };

/** From an empty authority to a running slice and back, by typing commands only; nodes are real but for their VMM. */
describe('pl on a real PLC with real node managers', () => {
  let folder: string;
  let env: Record<string, string>;
  let url: string;
  const processes: ChildProcess[] = [];

  async function pl(
    line: string | readonly string[],
    input = '',
    as: { readonly env: Record<string, string> } = { env },
  ) {
    const argv = typeof line === 'string' ? line.split(' ') : line;
    const child = spawn(process.execPath, [PL, ...argv], { env: as.env, stdio: ['pipe', 'pipe', 'pipe'] });
    child.stdin.end(input);
    const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')]);
    return { code: Number(code), stdout, stderr };
  }

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'planetlab-cli-'));
    await chmod(folder, 0o711); // the database's account passes through
    env = { PATH: process.env['PATH'] ?? '', HOME: folder };
    const state = join(folder, 'plc');
    const listen = ['--listen', '127.0.0.1:0', '--node-listen', '127.0.0.1:0'];
    const identity = ['--authority', 'test.example', '--admin-email', 'ada@example.org'];
    const plc = spawn(process.execPath, [join(APPS, 'plc/main.ts'), 'run', '--state', state, ...listen, ...identity], {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    processes.push(plc);
    url = await readyUrl(plc.stderr);
    const token = await readFile(join(state, 'bootstrap-admin.token'), 'utf8');
    expect(await pl(['login', '--url', url, '--with-token'], token)).toMatchObject({ code: 0 });
  });

  afterAll(async () => {
    for (const child of processes.reverse()) await stop(child);
    await rm(folder, { recursive: true, force: true });
  });

  it('keeps the sign-in for its owner alone', async () => {
    expect((await pl('whoami')).stdout).toContain('ada@example.org');
    expect((await stat(join(folder, '.config/planetlab/config.json'))).mode & 0o777).toBe(0o600);
  });

  it('invites machines, which join and come into service', async () => {
    expect(await pl('site create eth --title ETH')).toMatchObject({ code: 0 });
    for (const node of NODES) {
      expect(await pl(`node create ${node} --site eth`)).toMatchObject({ code: 0 });
      expect((await pl('node list')).stdout).toContain('It has not joined yet.');
      const invitation = await pl(`node invite ${node}`);
      expect(invitation.stderr).toContain('sudo pl node join');
      const state = join(folder, node);
      await mkdir(state, { mode: 0o700 });
      await writeFile(
        join(state, 'config.json'),
        JSON.stringify({ vmm: 'simulated', imagesDir: join(folder, 'images') }),
      );
      const joined = await pl(['node', 'join', '-', '--state', state], invitation.stdout);
      expect(joined).toMatchObject({ code: 0 });
      const again = await pl(['node', 'join', '-', '--state', join(folder, 'another')], invitation.stdout);
      expect(again.code).not.toBe(0);
      expect(again.stderr).toMatch(/already|used/);
      const run = [join(APPS, 'node-manager/main.ts'), 'run', '--state', state];
      processes.push(spawn(process.execPath, run, { stdio: 'ignore' }));
    }
    await expect
      .poll(async () => (await pl('node list')).stdout.match(/ connected /g)?.length, { timeout: 30_000 })
      .toBe(2);
    expect((await pl('node show tokyo')).stdout).toContain('simulated');
  });

  it('puts a slice on all of them and runs programs there', async () => {
    expect(await pl(['slice', 'create', 'eth_demo', '--description', 'says hello'])).toMatchObject({ code: 0 });
    const added = await pl('slice add-node eth_demo --all --json');
    expect(added).toMatchObject({ code: 0, stderr: '' });
    const { items } = JSON.parse(added.stdout);
    expect(items.map((sliver: { state: string }) => sliver.state)).toEqual(['running', 'running']);
    const one = await pl('exec eth_demo@tokyo -- uname -n');
    expect(one).toMatchObject({ code: 0, stderr: '' });
    expect(one.stdout).toContain('tokyo');
    expect(await pl('exec eth_demo@tokyo -- cat', 'through and back')).toMatchObject({ stdout: 'through and back' });
    expect(await pl('exec eth_demo --all -- false')).toMatchObject({ code: 1 });
    const all = await pl('exec eth_demo --all -- uname -n');
    expect(all.stdout.trim().split('\n')).toHaveLength(2);
  });

  it('says what happened, to what, and by whom', async () => {
    const events = await pl('events --subject eth_demo');
    expect(events.stdout).toContain('person:ada@example.org');
    expect((await pl('slice renew eth_demo --for 3w')).stdout).toContain('in ');
  });

  it('says why something cannot be', async () => {
    const unknown = await pl('slice add-node eth_demo berkeley --json');
    expect(unknown).toMatchObject({ code: 1, stdout: '' });
    expect(JSON.parse(unknown.stderr)).toMatchObject({ code: 'unknown_node', status: 404, fault: 'caller' });
    expect((await pl('exec eth_demo@berkeley -- true')).code).toBe(1);
    const tooMuch = await pl('slice create eth_huge --memory 1000G');
    expect(tooMuch.code).toBe(0);
    const refused = await pl('slice add-node eth_huge tokyo');
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain('refused');
    expect(refused.stderr).toMatch(/pl: eth_huge does not run on 1 of 1 node\. tokyo: .+ \[\w+\]/);
    expect((await pl('sliver show eth_huge@tokyo')).stdout).toMatch(/Whose fault +the node’s/);
  });

  it('brings people in by mail, gives them roles, and lets them go', async () => {
    const line = 'person invite grace@example.org --name Grace --role user@eth';
    expect((await pl(line)).stdout).toContain('grace@example.org is invited to be user at eth');
    expect((await pl('person invitations')).stdout).toContain('grace@example.org');
    const [id = ''] = /^[0-9a-f-]{36}(?=.* grace@example\.org )/m.exec((await pl('mail list')).stdout) ?? [];
    const code = /#(\S+)/.exec((await pl(`mail show ${id}`)).stdout)?.[1] ?? '';
    const body = JSON.stringify({ code, password: 'correct horse battery' });
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${url}/v1/invitations/accept`, { method: 'POST', headers, body })).status).toBe(201);

    const home = join(folder, 'grace');
    const grace = { env: { PATH: env['PATH'] ?? '', HOME: home, PLANETLAB_URL: url } };
    const login = ['login', '--email', 'grace@example.org'];
    expect((await pl(login, 'correct horse battery', grace)).stdout).toContain('as grace@example.org (user at eth)');
    expect((await pl(login, 'a wrong password', grace)).stderr).toContain('[sign_in_failed]');
    const reading = await pl('token create ci --scope read', '', grace);
    const asReader = { env: { ...grace.env, PLANETLAB_TOKEN: reading.stdout.trim() } };
    expect((await pl('slice create eth_more', '', asReader)).stderr).toContain('[scope_insufficient]');

    expect((await pl('person give-role grace@example.org tech@eth')).stdout).toContain('tech at eth, user at eth');
    expect((await pl('person take-role grace@example.org tech@eth')).stdout).toContain('is now user at eth.');
    expect((await pl('person give-role grace@example.org king@eth')).code).toBe(2);
    expect((await pl('person requests')).stderr).toContain('Nobody asks for a role.');
    expect((await pl('person disable grace@example.org')).stdout).toBe('grace@example.org is disabled.\n');
    expect((await pl('whoami', '', grace)).stderr).toContain('[not_signed_in]');
    await pl('person enable grace@example.org');
    expect(await pl('slice create eth_grace', '', grace)).toMatchObject({ code: 0 });
    expect((await pl('person leave --yes', '', grace)).stderr).toContain('Nobody else is in eth_grace');
    const leave = await pl('person leave --yes --hand-to ada@example.org', '', grace);
    expect(leave.stdout).toContain('Your account grace@example.org has ended.');
    expect((await pl('slice show eth_grace')).stdout).toContain('ada@example.org');
  });

  it('signs in by a browser elsewhere, where a person agrees to what is asked for', async () => {
    const home = join(folder, 'laptop');
    const as = { PATH: env['PATH'] ?? '', HOME: home };
    const child = spawn(process.execPath, [PL, 'login', '--url', url, '--no-browser', '--scope', 'slices'], {
      env: as,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    processes.push(child);
    const [stdout, ended] = [text(child.stdout), once(child, 'close')];
    let code = '';
    for await (const line of createInterface({ input: child.stderr })) {
      code = /type the code (\S{9})\./.exec(line)?.[1] ?? '';
      if (code !== '') break;
    }
    const token = JSON.parse(await readFile(join(folder, '.config/planetlab/config.json'), 'utf8')).token;
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` };
    const asked = await fetch(`${url}/v1/device-sign-ins/${code}`, { headers });
    expect(await asked.json()).toMatchObject({ scopes: ['slices'], label: expect.stringMatching(/^pl on /) });
    const decision = { method: 'POST', headers, body: '{"allow":true}' };
    expect((await fetch(`${url}/v1/device-sign-ins/${code}/decision`, decision)).status).toBe(204);
    expect((await ended)[0]).toBe(0);
    expect(await stdout).toContain(`Signed in at ${url} as ada@example.org`);
    expect((await pl('token create more', '', { env: as })).stderr).toContain('[scope_insufficient]');
  });

  it('tells slivers their tags while they run', async () => {
    const told = async () => JSON.parse((await pl('exec eth_demo@tokyo -- cat /run/planetlab/sliver.json')).stdout);
    expect(await told()).toMatchObject({ authority: 'test.example', slice: 'eth_demo', node: 'tokyo', tags: {} });
    await pl('slice tag eth_demo role=mirror');
    await pl('slice tag eth_demo role=seed --node tokyo');
    await expect.poll(async () => (await told()).tags, LONG).toEqual({ role: 'seed' });
  });

  it('chooses nodes by their tags, and remembers settings', async () => {
    expect((await pl('node tag zurich uplink=10g')).stdout).toBe('zurich has uplink=10g.\n');
    const chosen = await pl('node select tags.uplink=="10g" --explain');
    expect(chosen.stdout).toMatch(/^zurich +yes /m);
    expect(chosen.stdout).toMatch(/^tokyo +no /m);
    expect((await pl('node select tags.uplink=="1g"')).stderr).toContain('[selection_too_small]');
    expect((await pl('settings set nodesPerSlice=7')).stdout).toBe('nodesPerSlice is 7.\n');
    expect((await pl('settings show')).stdout).toMatch(/^nodesPerSlice +7$/m);
    expect((await pl('settings set nodesPerSlice=many')).code).toBe(2);
  });

  it('stops a slice and a node for a reason that all can read, and lets them go on', async () => {
    const states = async () => {
      const { items } = JSON.parse((await pl('sliver list --slice eth_demo --json')).stdout);
      return items.map(({ state }: { state: string }) => state).toSorted();
    };
    const suspended = await pl('slice suspend eth_demo --reason noisy');
    expect(suspended.stdout).toBe('Slice eth_demo is suspended; its slivers keep their disks.\n');
    await expect.poll(states, LONG).toEqual(['stopped', 'stopped']);
    expect((await pl('sliver show eth_demo@tokyo')).stdout).toContain('noisy');
    expect((await pl('exec eth_demo@tokyo -- true')).stderr).toContain('[sliver_not_running]');
    expect((await pl('slice resume eth_demo')).stdout).toBe('Slice eth_demo runs again.\n');
    await expect.poll(states, LONG).toEqual(['running', 'running']);

    await pl('node quarantine zurich --reason scans');
    await expect.poll(states, LONG).toEqual(['running', 'stopped']);
    expect((await pl('node show zurich --why')).stdout).toContain('scans');
    await pl('node end-quarantine zurich');
    await expect.poll(states, LONG).toEqual(['running', 'running']);

    await pl('node drain zurich --reason moving');
    expect((await pl('node show zurich --why')).stdout).toContain('it is to run empty');
    await pl('slice create eth_late');
    expect((await pl('slice add-node eth_late zurich')).stderr).toContain('moving');
    expect((await pl('node undrain zurich')).stdout).toBe('Node zurich takes new slivers.\n');
  });

  it('takes it all away again', async () => {
    expect(await pl('slice remove-node eth_demo zurich')).toMatchObject({ code: 0 });
    expect(await pl('slice delete eth_demo')).toMatchObject({ code: 0 });
    expect((await pl('slice show eth_demo')).stderr).toContain('[unknown_slice]');
    expect(await pl('node delete zurich')).toMatchObject({ code: 0 });
    expect(await pl('logout')).toMatchObject({ code: 0 });
    expect((await pl(['whoami', '--url', url])).stderr).toContain('[not_signed_in]');
  });
});

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  let all = '';
  for await (const chunk of stream) all += String(chunk);
  return all;
}

async function readyUrl(stderr: NodeJS.ReadableStream): Promise<string> {
  const said: string[] = [];
  const lines = createInterface({ input: stderr });
  const { promise, resolve: found, reject } = Promise.withResolvers<string>();
  // Read to the end: a full pipe would stop the PLC.
  lines.on('line', (line) => {
    said.push(line);
    const url = /^Ready: people at (\S+),/.exec(line)?.[1];
    if (url !== undefined) found(url);
  });
  lines.once('close', () => reject(new Error(`The PLC ended:\n${said.slice(-20).join('\n')}`)));
  return promise;
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGTERM');
  await once(child, 'exit');
}
