import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PlcProcess, startPlcProcess } from '../soak/plc-process.ts';

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
