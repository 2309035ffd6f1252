import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NODE_MANAGER, Programs } from '../end-to-end/plc-and-node.ts';
import { type PlcProcess, startPlcProcess } from '../soak/plc-process.ts';
import { FRAMES, floodFrames, floodReports, type HostileNode, joinHostile } from './flooding-node.ts';

/** As many as 5,000 where a process may have so many files open, and some to spare. */
const OPEN_FILES = Number(/^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1] ?? 1024);
const IDLE_CONNECTIONS = Math.min(5000, Math.floor((OPEN_FILES * 3) / 4));
const AT_ONCE = 250;

let plc: PlcProcess;
beforeAll(async () => {
  plc = await startPlcProcess(['--log-level', 'error']);
});
afterAll(() => plc?.[Symbol.asyncDispose]());

const address = () => new URL(plc.url);

async function open(): Promise<Socket> {
  const socket = connect(Number(address().port), address().hostname);
  socket.on('error', () => {}); // the PLC may close it at any time
  await once(socket, 'connect');
  return socket;
}

/** What comes back until the connection is closed. */
async function answerOf(socket: Socket): Promise<string> {
  let text = '';
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1');
  });
  await new Promise((resolve) => socket.once('close', resolve));
  return text;
}

const serves = async () => (await fetch(`${plc.url}/v1/authority`, { signal: AbortSignal.timeout(30_000) })).status;
const POST = `POST /v1/sites HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n`;
const signedIn = () => `authorization: Bearer ${plc.adminToken}\r\n`;

describe('the PLC goes on for others', () => {
  it('while 5,000 connections do nothing', async () => {
    const idle: Socket[] = [];
    while (idle.length < IDLE_CONNECTIONS) idle.push(...(await Promise.all(Array.from({ length: AT_ONCE }, open))));
    expect(await serves()).toBe(200);
    for (const socket of idle) socket.destroy();
    expect(await serves()).toBe(200);
  });

  it('while headers come that are no headers, and heads without an end', async () => {
    for (const noise of ['\0'.repeat(10_000), 'GET /\r\n\r\n', `GET / HTTP/1.1\r\nx: ${'y'.repeat(200_000)}`]) {
      const socket = await open();
      socket.write(noise);
      expect(await answerOf(socket)).toMatch(/^(HTTP\/1.1 4\d\d |$)/);
    }
    expect(await serves()).toBe(200);
  });

  it('and refuses a body without end as soon as it is too large', async () => {
    const socket = await open();
    const answer = answerOf(socket);
    socket.write(`${POST}${signedIn()}transfer-encoding: chunked\r\n\r\n`);
    const chunk = `10000\r\n${'x'.repeat(0x10000)}\r\n`;
    for (let sent = 0; sent < 64 && !socket.destroyed; sent++) {
      socket.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    socket.end();
    expect(await answer).toMatch(/413/);
    expect(await serves()).toBe(200);
  });

  it('and reads no body of who is not signed in', async () => {
    const socket = await open();
    const answer = answerOf(socket);
    socket.write(`${POST}content-length: 1000000\r\nconnection: close\r\n\r\n{`);
    await expect.poll(() => socket.bytesRead, { timeout: 30_000 }).toBeGreaterThan(0);
    socket.destroy();
    expect(await answer).toMatch(/^HTTP\/1.1 401 /);
  });
});

describe('nodes that flood', () => {
  const FLOODS = { reports: floodReports, windows: frames('windowUpdate'), pings: frames('ping') } as const;
  /** With three floods and their sender on the same, slow machine; where there is room it takes a twentieth of it. */
  const HEARD_WITHIN = { timeout: 60_000, interval: 100 };
  const GROWTH_LIMIT_MIB = 256;
  const programs = new Programs();
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-flood-'));
  const admin = () =>
    createClient(
      plcRoutes,
      withHeaders(fetchTransport(plc.url), () => ({ authorization: `Bearer ${plc.adminToken}` })),
    );
  const invite = async (name: string) => {
    await admin().createNode({ body: { name, site: 'demo' } });
    return (await admin().inviteNode({ params: { node: name }, body: {} })).token;
  };

  beforeAll(async () => {
    await admin().createSite({ body: { name: 'demo', title: 'Demo' } });
    await admin().createSlice({ body: { name: 'demo_heard' } });
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ vmm: 'simulated', imagesDir: join(folder, 'images') }));
    const joined = await programs.toTheEnd(NODE_MANAGER, ['join', '-', '--state', folder], await invite('quiet'));
    expect(joined.code, joined.said).toBe(0);
    programs.start(NODE_MANAGER, ['run', '--state', folder]);
    const isThere = async () => (await admin().getNode({ params: { node: 'quiet' } })).state === 'connected';
    while (!(await isThere())) await new Promise((resolve) => setTimeout(resolve, 100)); // the hook has a deadline
  });
  afterAll(async () => {
    await programs.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  it('are cut off and held off, and others are heard meanwhile', async () => {
    const nodes = await Promise.all(
      Object.entries(FLOODS).map(async ([name, flood]) => {
        const node = await joinHostile(await invite(name), plc.nodeAddress);
        return () => flood(node);
      }),
    );
    const before = residentMiB(plc.pid);
    let stop = false;
    // Each dials again at once, as often as it is cut off.
    const flooding = nodes.map(async (flood) => {
      while (!stop) await flood().catch(() => {}); // cut off while it dials
    });
    await admin().addSlivers({ params: { slice: 'demo_heard' }, body: { nodes: ['quiet'] } });
    const heard = async () => (await admin().listSlivers({ query: { slice: 'demo_heard' } })).items[0]?.state;
    await expect.poll(heard, HEARD_WITHIN).toBe('running');
    for (const name of Object.keys(FLOODS)) {
      const reasonOf = async () => (await admin().getNode({ params: { node: name } })).reason;
      await expect.poll(reasonOf, HEARD_WITHIN).toMatchObject({
        code: 'node_floods',
        message: expect.stringMatching(/disconnected since .*: It sent .* taken again after 60 s/),
      });
      const { items } = await admin().listEvents({ query: { subject: name } });
      expect(items.map(({ kind }) => kind)).toContain('node.flooded');
    }
    expect(residentMiB(plc.pid) - before).toBeLessThan(GROWTH_LIMIT_MIB);
    expect(await serves()).toBe(200);
    stop = true;
    await Promise.all(flooding);
  }, 300_000);

  function frames(kind: keyof typeof FRAMES) {
    return (node: HostileNode) => floodFrames(node, FRAMES[kind]);
  }
});

/** Of one process, in MiB. */
const residentMiB = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024;
