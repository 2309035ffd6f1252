import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type LabUpOptions, labDown, labStatus, labUp, leftovers } from '@planetlab/lab';
import { afterAll, afterEach, describe, expect, it } from 'vitest';

const CLI = resolve(import.meta.dirname, '../../apps/cli/main.ts');
const UP_MS = 120_000;
const quiet = { progress: () => {} };
const unique = (prefix: string): string => `${prefix}${process.pid % 100_000}`;

const options = (name: string, change: Partial<LabUpOptions>): LabUpOptions => ({
  ...{ name, nodes: 1, simulated: true, detached: true, signal: new AbortController().signal },
  ...quiet,
  ...change,
});

describe('the port of a lab’s PLC', () => {
  const name = unique('p');
  const servers: Server[] = [];
  afterEach(async () => {
    await labDown(name, quiet);
    for (const server of servers.splice(0)) {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    }
  });

  /** Something that answers like a PLC that is well, but is not the lab's. */
  async function impostor(port: number): Promise<number> {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"status":"ok"}');
    });
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    servers.push(server);
    const address = server.address();
    if (typeof address !== 'object' || address === null) throw new TypeError('no address');
    return address.port;
  }

  it(
    'is the one that was asked for',
    async () => {
      const port = await impostor(0);
      await expect(labUp(options(name, { port }))).rejects.toMatchObject({
        code: 'conflict',
        message: `Another program listens at 127.0.0.1:${port} already: choose another with --port, or leave that out.`,
      });
      expect(await leftovers(name)).toEqual([]);
      for (const server of servers.splice(0)) {
        server.close();
        await once(server, 'close');
      }
      expect((await labUp(options(name, { port }))).access.plcUrl).toBe(`http://127.0.0.1:${port}`);
    },
    UP_MS,
  );

  it(
    'is another when somebody takes it before the PLC listens, and whoever answers there is not mistaken for it',
    async () => {
      const up = labUp(options(name, {}));
      const port = await chosenPort(name);
      await impostor(port);
      const { ok, access } = await up;
      expect(ok).toBe(true);
      expect(access.plcUrl).not.toBe(`http://127.0.0.1:${port}`);
    },
    UP_MS,
  );

  it(
    'is told to be taken when it was asked for and somebody takes it at the last moment',
    async () => {
      const port = await impostor(0);
      for (const server of servers.splice(0)) {
        server.close();
        await once(server, 'close');
      }
      const up = labUp(options(name, { port }));
      up.catch(() => {}); // awaited below
      expect(await chosenPort(name)).toBe(port);
      await impostor(port);
      await expect(up).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringContaining(`:${port} already`),
      });
      expect(await leftovers(name)).toEqual([]);
    },
    UP_MS,
  );
});

/** The port that the lab's first PLC was told to listen on, as soon as there is one. */
async function chosenPort(name: string): Promise<number> {
  for (let waited = 0; waited < UP_MS; waited += 10) {
    const plc = (await labStatus(name))?.processes.find(({ part }) => part === 'plc');
    if (plc !== undefined) {
      const argv = readFileSync(`/proc/${plc.pid}/cmdline`, 'utf8').split('\0');
      return Number(argv[argv.indexOf('--listen') + 1]?.split(':')[1]);
    }
    await sleep(10);
  }
  throw new Error('the lab started no PLC');
}

describe('a lab that stays with its terminal', () => {
  const name = unique('w');
  let lab: ChildProcess | undefined;
  afterAll(async () => {
    if (lab?.exitCode === null) lab.kill('SIGKILL');
    await labDown(name, quiet);
  });

  it(
    'says at once when one of its programs ends, goes on without it, and ends with 1',
    async () => {
      const argv = [CLI, 'lab', 'up', '--name', name, '--nodes', '2', '--simulated'];
      lab = spawn(process.execPath, argv, { stdio: ['ignore', 'ignore', 'pipe'] });
      let said = '';
      lab.stderr?.on('data', (data) => {
        said += String(data);
      });
      await expect.poll(() => said, { timeout: UP_MS }).toContain('Ctrl-C ends it');
      const node = (await labStatus(name))?.processes.find(
        ({ part, command }) => part === 'node' && /berkeley/.test(command),
      );
      process.kill(node?.pid ?? 0, 'SIGKILL');
      await expect.poll(() => said).toContain('pl: the node manager of berkeley has ended (signal SIGKILL)');
      expect(said).toContain('node-berkeley.log');
      expect(await labStatus(name)).toMatchObject({ state: 'broken' });
      const before = said.length;
      lab.kill('SIGINT');
      const [code] = await once(lab, 'exit');
      expect(code).toBe(1);
      expect(said.slice(before)).not.toContain('has ended'); // those end because they are meant to
      expect(await leftovers(name)).toEqual([]);
    },
    UP_MS,
  );
});
