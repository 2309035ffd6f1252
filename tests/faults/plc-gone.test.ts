import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { type LabReport, labDown, labStatus, labUp, leftovers } from '@planetlab/lab';
import { systemRunner } from '@planetlab/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createTestNetwork,
  ensureImage,
  HOST_IPV4,
  joinedNode,
  leaseFor,
  nodeClient,
  startAuthority,
  untilState,
} from '../host/node-fixture.ts';
import { sliverCgroup } from '../host/sliver-cgroup.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: killing a PLC under running slivers needs root, which makes them');

const quiet = { progress: () => {} };

// real slivers are containers, which need root
describe.skipIf(!isRoot)('slivers whose PLC and database are killed', () => {
  const name = `g${process.pid % 100_000}`;
  let report: LabReport;
  let client: Client<typeof plcRoutes>;

  beforeAll(async () => {
    report = await labUp({ name, nodes: 2, detached: true, signal: new AbortController().signal, ...quiet });
    const token = (await readFile(report.access.tokenFile, 'utf8')).trim();
    const transport = fetchTransport(report.access.plcUrl);
    client = createClient(
      plcRoutes,
      withHeaders(transport, () => ({ authorization: `Bearer ${token}` })),
    );
  }, 300_000);
  afterAll(async () => {
    await labDown(name, quiet);
    expect(await leftovers(name)).toEqual([]);
  });

  const ssh = async (command: string): Promise<string> => {
    const target = `${report.slice}@berkeley`;
    const argv = ['ssh', '-F', report.access.sshConfigFile, '-o', 'BatchMode=yes', target, command] as const;
    return (await systemRunner.run({ argv })).stdout;
  };

  it('do not notice, and what was acknowledged is there when it is back', async () => {
    await client.createSlice({ body: { name: 'demo_kept', description: 'acknowledged' } });
    await ssh('setsid sh -c "while sleep 0.2; do date +%s >> /tmp/alive; done" >/dev/null 2>&1 & echo $! > /tmp/pid');
    const restart = await killPlcAndDatabase(name);
    await expect(client.getMe({})).rejects.toMatchObject({ code: 'authority_unreachable' });
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect((await ssh('wc -l < /tmp/alive; uptime -s')).trim()).not.toBe('');
    const before = Number(await ssh('wc -l < /tmp/alive'));
    restart();
    await expect
      .poll(async () => client.health({}).catch(() => undefined), { timeout: 30_000 })
      .toEqual({ status: 'ok' });
    expect((await client.getSlice({ params: { slice: 'demo_kept' } })).description).toBe('acknowledged');
    const states = async () => (await client.listNodes({ query: {} })).items.map((node) => node.state);
    await expect.poll(states, { timeout: 30_000 }).toEqual(['connected', 'connected']);
    // the slivers that ran are the slivers that run: the same program has gone on writing
    expect(Number(await ssh('wc -l < /tmp/alive'))).toBeGreaterThan(before);
    await client.addSlivers({ params: { slice: 'demo_kept' }, body: { nodes: ['berkeley'] } });
    const kept = async () =>
      (await client.listSlivers({ query: { slice: 'demo_kept' } })).items.map(({ state }) => state);
    await expect.poll(kept, { timeout: 30_000 }).toEqual(['running']);
    const hello = (await client.listSlivers({ query: { slice: report.slice } })).items;
    expect(hello.map(({ state }) => state)).toEqual(['running', 'running']);
  });
});

/** SIGKILL for the PLC and every process of its PostgreSQL; gives what starts the PLC again as the lab did. */
async function killPlcAndDatabase(lab: string): Promise<() => void> {
  const status = await labStatus(lab);
  const plc = status?.processes.find(({ part }) => part === 'plc');
  if (status === undefined || plc === undefined) throw new Error(`the lab ${lab} has no PLC`);
  const [program, ...args] = readFileSync(`/proc/${plc.pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  const variables = readFileSync(`/proc/${plc.pid}/environ`, 'utf8')
    .split('\0')
    .filter((line) => line !== '');
  const env = Object.fromEntries(
    variables.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const postmaster = Number(
    readFileSync(`${status.stateDirectory}/plc/postgres/postmaster.pid`, 'utf8').split('\n')[0],
  );
  process.kill(plc.pid, 'SIGKILL');
  process.kill(postmaster, 'SIGKILL');
  return () => {
    spawn(program ?? '', args, { env, detached: true, stdio: 'ignore' }).unref();
  };
}

// real slivers are containers, which need root
describe.skipIf(!isRoot)('a lease that ends while its authority is gone', () => {
  it('ends its sliver on time, by the node alone', async () => {
    await ensureImage();
    await using network = await createTestNetwork('alone');
    const authority = await startAuthority(HOST_IPV4);
    await using node = await joinedNode(authority, network, 'alone');
    const { client } = nodeClient(authority.identity, await node.start(authority));
    const { expiresAt } = await client.requestLease({ body: leaseFor('test_alone', { endsInMs: 4000 }) });
    await untilState(client, 'test_alone', 'running');
    await authority[Symbol.asyncDispose]();
    const running = () => sliverCgroup(node.tag, 'test_alone').exists();
    expect(running()).toBe(true);
    await expect.poll(running, { timeout: 20_000, interval: 20 }).toBe(false);
    const lateMs = Date.now() - Date.parse(expiresAt);
    expect(lateMs, 'not before its end').toBeGreaterThanOrEqual(0);
    expect(lateMs, 'soon after its end, the time to stop it included').toBeLessThan(8000);
  });
});
