import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import { type AuthorityIdentity, loadAuthorityIdentity } from '@planetlab/credentials';
import { AuthorityName } from '@planetlab/model';

const APPS = resolve(import.meta.dirname, '../../apps');
export const PLC = join(APPS, 'plc/main.ts');
export const NODE_MANAGER = join(APPS, 'node-manager/main.ts');
export const AUTHORITY = 'test.example';

/** The programs as an operator and a site run them: a PLC with its own PostgreSQL, and nodes with simulated slivers. */
export interface PlcAndNode extends AsyncDisposable {
  /** For whatever else a test writes; removed with it. */
  readonly folder: string;
  readonly plcUrl: string;
  /** What the operator has: the root, out of the PLC's state folder. */
  readonly authority: AuthorityIdentity;
  readonly adminToken: string;
  readonly processes: readonly ChildProcess[];
  client(token?: string): Client<typeof plcRoutes>;
  /** Everything that PLC and nodes have written to their outputs. */
  written(): string;
  invite(node: string): Promise<string>;
  /** Joins as a machine does, with a state folder of its own. */
  join(name: string, token: string): Promise<{ code: number; said: string }>;
  /** Runs the node manager of a joined machine; resolves with the port of its API when the PLC has heard of it. */
  run(name: string): Promise<number>;
}

export async function startPlcAndNode(): Promise<PlcAndNode> {
  const folder = await mkdtemp(join(tmpdir(), 'planetlab-programs-'));
  await chmod(folder, 0o711); // the database's account passes through
  const state = join(folder, 'plc');
  const programs = new Programs();
  const plc = programs.start(PLC, [
    ...['run', '--state', state, '--log-level', 'debug', '--authority', AUTHORITY],
    ...['--listen', '127.0.0.1:0', '--node-listen', '127.0.0.1:0', '--admin-email', 'ada@example.org'],
  ]);
  const plcUrl = await programs.until(plc, /^Ready: people at (\S+),/m);
  const read = (name: string) => readFile(join(state, name), 'utf8');
  const adminToken = (await read('bootstrap-admin.token')).trim();
  const client = (token?: string) =>
    createClient(
      plcRoutes,
      withHeaders(fetchTransport(plcUrl), () => (token === undefined ? {} : { authorization: `Bearer ${token}` })),
    );
  const ports = new Map<string, number>();
  return {
    folder,
    plcUrl,
    authority: loadAuthorityIdentity({
      name: AuthorityName.parse(AUTHORITY),
      keyPem: await read('authority.key'),
      certificatePem: await read('authority.pem'),
    }),
    adminToken,
    client,
    processes: programs.children,
    written: () => programs.written,
    invite: async (node) => (await client(adminToken).inviteNode({ params: { node }, body: {} })).token,
    async join(name, token) {
      const stateDir = join(folder, name);
      const port = await freePort();
      const config = { vmm: 'simulated', imagesDir: join(folder, 'images'), apiListen: `127.0.0.1:${port}` };
      await mkdir(stateDir, { recursive: true, mode: 0o700 });
      await writeFile(join(stateDir, 'config.json'), JSON.stringify(config));
      ports.set(name, port);
      return programs.toTheEnd(NODE_MANAGER, ['join', '-', '--state', stateDir], token);
    },
    async run(name) {
      programs.start(NODE_MANAGER, ['run', '--state', join(folder, name)]);
      for (let tries = 0; tries < 300; tries++) {
        const node = await client(adminToken).getNode({ params: { node: name } });
        if (node.state === 'connected' && node.facts !== null) return ports.get(name) ?? 0;
        await new Promise((done) => setTimeout(done, 100));
      }
      throw new Error(`the node did not come into service:\n${programs.written}`);
    },
    async [Symbol.asyncDispose]() {
      await programs.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export class Programs {
  readonly children: ChildProcess[] = [];
  written = '';

  start(program: string, args: readonly string[], env: Readonly<Record<string, string>> = {}): ChildProcess {
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    for (const stream of [child.stdout, child.stderr])
      createInterface({ input: stream }).on('line', (line) => {
        this.written += `${line}\n`;
      });
    this.children.push(child);
    return child;
  }

  /** What is said from a place in `written` on. */
  async until(child: ChildProcess, pattern: RegExp, from = 0): Promise<string> {
    while (child.exitCode === null) {
      const found = pattern.exec(this.written.slice(from))?.[1];
      if (found !== undefined) return found;
      await new Promise((done) => setTimeout(done, 20));
    }
    throw new Error(`the program ended:\n${this.written}`);
  }

  async toTheEnd(program: string, args: readonly string[], input: string): Promise<{ code: number; said: string }> {
    const before = this.written.length;
    const child = this.start(program, args);
    child.stdin?.end(input);
    const [code] = await once(child, 'close');
    return { code: Number(code), said: this.written.slice(before) };
  }

  async stop(): Promise<void> {
    for (const child of this.children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill('SIGTERM');
      await ended;
    }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
