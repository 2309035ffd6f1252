import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import {
  type LabProgress,
  type LabReport,
  type LabUpOptions,
  labDown,
  labStatus,
  labUp,
  leftovers,
} from '@planetlab/lab';
import { systemRunner } from '@planetlab/linux';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { killPlcAndDatabase } from './lab-plc.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot)
  process.stderr.write('The tests of a real lab are skipped: containers and network namespaces need root.\n');

/** The base image may have to be built first. */
const FIRST_UP_MS = 300_000;
const LONG = { timeout: 60_000, interval: 100 };
const unique = (prefix: string): string => `${prefix}${process.pid % 100_000}`;
const quiet = { progress: () => {} };

function options(name: string, change: Partial<LabUpOptions> = {}): LabUpOptions {
  return { name, nodes: 2, detached: false, signal: new AbortController().signal, ...quiet, ...change };
}

// Real nodes are containers in network namespaces, which need root.
describe.skipIf(!isRoot)('a real lab', () => {
  const name = unique('e');
  let report: LabReport;

  beforeAll(async () => {
    report = await labUp(options(name, { nodes: 3 }));
  }, FIRST_UP_MS);
  afterAll(() => labDown(name, quiet));

  it('runs a sliver on every node, and nothing went wrong', () => {
    expect(report.nodes.flatMap((node) => node.problems)).toEqual([]);
    expect(report).toMatchObject({ mode: 'real', simulatedBecause: null, ok: true });
    expect(report.nodes.map((node) => node.state)).toEqual(['running', 'running', 'running']);
    for (const node of report.nodes) {
      expect(node.output).toMatch(/^Linux /);
      expect(node.timeToRunningMs).toBeGreaterThan(0);
    }
  });

  it('has its slivers as far apart as their places', () => {
    const [princeton, berkeley] = report.nodes;
    const there = princeton?.roundTripsMs['berkeley'];
    expect(there).toBeGreaterThan(62.9);
    expect(there).toBeLessThan(95);
    expect(berkeley?.roundTripsMs['zurich']).toBeGreaterThan(142);
  });

  it('lets its administrator in by the token file', async () => {
    const { items } = await (await adminOf(report)).listNodes({ query: {} });
    expect(items.map((node) => [node.name, node.state, node.place?.country])).toEqual(
      expect.arrayContaining([['zurich', 'connected', 'CH']]),
    );
  });

  it('can be logged in to with the ordinary OpenSSH client', async () => {
    const target = `${report.slice}@zurich`;
    const argv = ['ssh', '-F', report.access.sshConfigFile, '-o', 'BatchMode=yes', target, 'id -u; exit 7'] as const;
    await expect(systemRunner.run({ argv })).rejects.toMatchObject({ result: { code: 7, stdout: '0\n' } });
  });

  it('says what runs, and is not made a second time', async () => {
    expect(await labStatus(name)).toMatchObject({ state: 'up', mode: 'real', detached: false });
    await expect(labUp(options(name))).rejects.toMatchObject({ code: 'conflict' });
    expect(await labStatus(name)).toMatchObject({ state: 'up' });
  });

  it('keeps its slivers while PLC and database are killed, and what was acknowledged is there afterwards', async () => {
    const client = await adminOf(report);
    await client.createSlice({ body: { name: 'demo_kept', description: 'acknowledged' } });
    await ssh(
      report,
      'setsid sh -c "while sleep 0.2; do date +%s >> /tmp/alive; done" >/dev/null 2>&1 & echo $! > /tmp/pid',
    );
    const lines = async () => Number(await ssh(report, 'wc -l < /tmp/alive'));
    const restart = await killPlcAndDatabase(name);
    await expect(client.getMe({})).rejects.toMatchObject({ code: 'authority_unreachable' });
    const before = await lines();
    await expect.poll(lines, LONG).toBeGreaterThan(before);
    restart();
    await expect.poll(async () => client.health({}).catch(() => undefined), LONG).toEqual({ status: 'ok' });
    expect((await client.getSlice({ params: { slice: 'demo_kept' } })).description).toBe('acknowledged');
    const states = async () => (await client.listNodes({ query: {} })).items.map((node) => node.state);
    await expect.poll(states, LONG).toEqual(['connected', 'connected', 'connected']);
    // the slivers that ran are the slivers that run: the same program has gone on writing
    expect(await lines()).toBeGreaterThan(before);
    await client.addSlivers({ params: { slice: 'demo_kept' }, body: { nodes: ['berkeley'] } });
    const statesOf = async (slice: string) =>
      (await client.listSlivers({ query: { slice } })).items.map(({ state }) => state);
    await expect.poll(() => statesOf('demo_kept'), LONG).toEqual(['running']);
    expect(await statesOf(report.slice)).toEqual(['running', 'running', 'running']);
  });

  it('leaves nothing on the machine, and taking it down again is no failure', async () => {
    expect(await leftovers(name)).not.toEqual([]);
    expect(await labDown(name, quiet)).toBe(true);
    expect(await leftovers(name)).toEqual([]);
    expect(await labDown(name, quiet)).toBe(false);
    expect(await labStatus(name)).toBeUndefined();
  });
});

// Real nodes are containers in network namespaces, which need root.
describe.skipIf(!isRoot)('a real lab that is interrupted', () => {
  const name = unique('k');
  afterAll(() => labDown(name, quiet));

  it.each(['emulating', 'starting PLC', 'join', 'ping'])(
    'is removed by the next `down` after a SIGKILL at "%s"',
    async (moment) => {
      const lab = startLab(name);
      await untilSaid(lab, moment);
      lab.kill('SIGKILL');
      await once(lab, 'exit');
      expect(await leftovers(name)).not.toEqual([]);
      await labDown(name, quiet);
      expect(await leftovers(name)).toEqual([]);
    },
    FIRST_UP_MS,
  );

  it(
    'is replaced by the next `up` after a SIGKILL',
    async () => {
      const lab = startLab(name);
      await untilSaid(lab, 'putting');
      lab.kill('SIGKILL');
      await once(lab, 'exit');
      expect((await labUp(options(name, { nodes: 1 }))).ok).toBe(true);
      await labDown(name, quiet);
      expect(await leftovers(name)).toEqual([]);
    },
    FIRST_UP_MS,
  );

  it(
    'removes itself when it is canceled',
    async () => {
      const canceled = new AbortController();
      const progress = (said: LabProgress) => {
        if (said.kind === 'step' && said.text.includes('join')) canceled.abort();
      };
      await expect(labUp(options(name, { nodes: 1, progress, signal: canceled.signal }))).rejects.toMatchObject({
        code: 'canceled',
      });
      expect(await leftovers(name)).toEqual([]);
    },
    FIRST_UP_MS,
  );
});

describe('a simulated lab', () => {
  const name = unique('s');
  afterAll(() => labDown(name, quiet));

  it('shows the same with nothing of the host', async () => {
    const banners: string[] = [];
    const progress = (said: LabProgress) => {
      if (said.kind === 'banner') banners.push(said.text);
    };
    const report = await labUp(options(name, { simulated: true, progress }));
    expect(report.nodes.flatMap((node) => node.problems)).toEqual([]);
    expect(report).toMatchObject({ mode: 'simulated', ok: true });
    expect(report.nodes[0]?.roundTripsMs['berkeley']).toBeCloseTo(62.9, 0);
    expect(banners).toEqual([expect.stringContaining('simulated')]);
    await labDown(name, quiet);
    expect(await leftovers(name)).toEqual([]);
  });
});

/** As its token file lets in. */
async function adminOf({ access }: LabReport): Promise<Client<typeof plcRoutes>> {
  const token = (await readFile(access.tokenFile, 'utf8')).trim();
  const transport = fetchTransport(access.plcUrl);
  return createClient(
    plcRoutes,
    withHeaders(transport, () => ({ authorization: `Bearer ${token}` })),
  );
}

/** What a command in the sliver in Berkeley prints. */
async function ssh({ slice, access }: LabReport, command: string): Promise<string> {
  const argv = ['ssh', '-F', access.sshConfigFile, '-o', 'BatchMode=yes', `${slice}@berkeley`, command] as const;
  return (await systemRunner.run({ argv })).stdout;
}

/** A lab in a process of its own, which says each step in a line. */
function startLab(name: string): ChildProcess {
  const script = `
    import { labUp } from '@planetlab/lab';
    const progress = (said) => { if (said.kind === 'step') process.stdout.write(said.text + '\\n'); };
    await labUp({ name: '${name}', nodes: 2, detached: true, signal: new AbortController().signal, progress });
  `;
  return spawn(process.execPath, ['--input-type=module', '-e', script], {
    cwd: resolve(import.meta.dirname, '../..'),
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

async function untilSaid(lab: ChildProcess, words: string): Promise<void> {
  let said = '';
  lab.stdout?.on('data', (data) => {
    said += String(data);
  });
  for (let waited = 0; waited < FIRST_UP_MS; waited += 5) {
    if (said.includes(words)) return;
    if (lab.exitCode !== null) throw new Error(`the lab ended with ${lab.exitCode} before it said "${words}": ${said}`);
    await sleep(5);
  }
  throw new Error(`the lab never said "${words}": ${said}`);
}
