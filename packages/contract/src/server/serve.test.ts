import { once } from 'node:events';
import { connect } from 'node:http2';
import { type AddressInfo, connect as connectTcp, createServer } from 'node:net';
import { type Duplex, PassThrough } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { type ErrorCode, PlanetLabError, SliceName } from '@planetlab/model';
import { afterEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient, fetchTransport } from '../client.ts';
import { http1DuplexOpener, http2Transport, openExec, openHttp2Stream } from '../http2/index.ts';
import { nodeRoutes } from '../node/routes.ts';
import { openApiDocument } from '../openapi.ts';
import { plcRoutes } from '../plc/routes.ts';
import type { RouteTable } from '../route.ts';
import { acceptExec, type ExecBackend } from './accept-exec.ts';
import { sendEvents } from './send-events.ts';
import { type App, createApp, serve } from './serve.ts';

const routes = {
  double: {
    method: 'POST',
    path: '/v1/double/:slice',
    summary: 'Doubles',
    access: 'public',
    params: z.object({ slice: SliceName }),
    query: z.object({ plus: z.coerce.number().default(0) }),
    body: z.object({ n: z.number() }).strict(),
    reply: { kind: 'json', schema: z.object({ n: z.number() }) },
    status: 201,
    errors: [],
  },
  fail: {
    method: 'GET',
    path: '/v1/fail',
    summary: 'Fails',
    access: 'public',
    reply: { kind: 'empty' },
    status: 204,
    errors: [],
  },
  crash: {
    method: 'GET',
    path: '/v1/crash',
    summary: 'Crashes',
    access: 'public',
    reply: { kind: 'empty' },
    status: 204,
    errors: [],
  },
  count: {
    method: 'GET',
    path: '/v1/count',
    summary: 'Counts',
    access: 'public',
    reply: { kind: 'events', schema: z.number() },
    status: 200,
    errors: [],
  },
  exec: {
    method: 'POST',
    path: '/v1/exec',
    summary: 'Runs',
    access: 'public',
    reply: { kind: 'duplex' },
    status: 200,
    errors: [],
  },
} as const satisfies RouteTable;

/** A program that copies its input to its output and exits 7 at its end. */
function copier(): ExecBackend & { killed: boolean } {
  const stdin = new PassThrough();
  const stderr = new PassThrough();
  stderr.end('done');
  const backend = {
    stdin,
    stdout: stdin,
    stderr,
    exit: once(stdin, 'end').then(() => ({ code: 7 })),
    killed: false,
    resize: () => {},
    kill: () => {
      backend.killed = true;
      stdin.destroy();
    },
  };
  backend.exit.catch(() => {});
  return backend;
}

function serveAll(app: App, programs: ExecBackend[] = []): App {
  serve(app, routes.double, async ({ body, query }) => ({ n: body.n * 2 + query.plus }));
  serve(app, routes.fail, async () => {
    throw new PlanetLabError('insufficient_resources', 'The node has 3 MiB left; ask for less.', {
      details: { left: 3 },
    });
  });
  serve(app, routes.crash, async () => {
    throw new TypeError('a secret inside');
  });
  serve(app, routes.count, async (_input, context) => sendEvents(context, counting()));
  serve(app, routes.exec, async (_input, context) =>
    acceptExec(context, async () => {
      const program = copier();
      programs.push(program);
      return program;
    }),
  );
  return app;
}

async function* counting(): AsyncGenerator<number> {
  for (let n = 1; n <= 3; n += 1) yield n;
}

const cleanups: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

async function overHttp1(programs: ExecBackend[] = []) {
  const app = serveAll(createApp(), programs);
  cleanups.push(() => app.close());
  const url = await app.listen({ port: 0, host: '127.0.0.1' });
  return { url, client: createClient(routes, fetchTransport(url)) };
}

/** As a node is reached: its HTTP/2 server is handed one end of a connection, the caller holds the other. */
async function overHttp2(programs: ExecBackend[] = []) {
  const app = serveAll(createApp({ http2: true }), programs);
  await app.ready();
  const listener = createServer((socket) => app.server.emit('connection', socket)).listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const session = connect(`http://127.0.0.1:${(listener.address() as AddressInfo).port}`);
  cleanups.push(async () => {
    session.destroy();
    listener.close();
    await app.close();
  });
  return { session, client: createClient(routes, http2Transport(session)) };
}

const code = (error: unknown): ErrorCode | undefined => (error instanceof PlanetLabError ? error.code : undefined);

describe.each([
  ['HTTP/1.1', overHttp1],
  ['HTTP/2', overHttp2],
])('a contract served over %s', (_name, open) => {
  it('parses what comes in and gives back what the handler gave', async () => {
    const { client } = await open();
    expect(await client.double({ params: { slice: 'a1_b' }, query: { plus: 1 }, body: { n: 21 } })).toEqual({ n: 43 });
  });

  it('refuses malformed names, malformed bodies and unknown members with a code and a sentence', async () => {
    const { client } = await open();
    const bad = await client.double({ params: { slice: 'NoSlice' }, query: {}, body: { n: 1 } }).catch((e) => e);
    expect(code(bad)).toBe('malformed_name');
    expect(bad.message).toMatch(/path\.slice: a slice name is/);
    // @ts-expect-error a body of the wrong type, as a careless program would send it
    expect(code(await client.double({ params: { slice: 'a1_b' }, query: {}, body: { n: 'x' } }).catch((e) => e))).toBe(
      'malformed_request',
    );
  });

  it('hands over an expected failure whole, and hides an unexpected one', async () => {
    const { client } = await open();
    const failure = await client.fail({}).catch((e) => e);
    expect(failure).toMatchObject({
      code: 'insufficient_resources',
      message: 'The node has 3 MiB left; ask for less.',
      details: { left: 3 },
    });
    const crash = await client.crash({}).catch((e) => e);
    expect(code(crash)).toBe('internal');
    expect(crash.message).not.toMatch(/secret/);
  });

  it('refuses a body of 10 MB with body_too_large', async () => {
    const { client } = await open();
    const body = { n: 1, filler: 'x'.repeat(10_000_000) };
    expect(code(await client.double({ params: { slice: 'a1_b' }, query: {}, body }).catch((e) => e))).toBe(
      'body_too_large',
    );
  });

  it('streams events', async () => {
    const { client } = await open();
    expect(await Array.fromAsync(await client.count({}))).toEqual([1, 2, 3]);
  });
});

describe.each(['HTTP/1.1', 'HTTP/2'])('an exec stream over %s', (version) => {
  const start = { argv: ['copy'] };
  const connectExec = async (programs: ExecBackend[] = []) => {
    if (version === 'HTTP/1.1') {
      const { url } = await overHttp1(programs);
      return openExec(http1DuplexOpener(url, {}), '/v1/exec', start);
    }
    const { session } = await overHttp2(programs);
    return openExec(
      async (path, headers, first) => {
        const opened = await openHttp2Stream(session, { method: 'POST', path, headers }, (stream) =>
          stream.write(first),
        );
        return { stream: opened.stream as Duplex, status: opened.status };
      },
      '/v1/exec',
      start,
    );
  };

  it('carries megabytes both ways at once and the exit code', async () => {
    const exec = await connectExec();
    const sent = Buffer.alloc(3_000_000, 'planet');
    exec.stdin.end(sent);
    const [out, err, exit] = await Promise.all([buffer(exec.stdout), buffer(exec.stderr), exec.exit]);
    expect(out.equals(sent)).toBe(true);
    expect(err.toString()).toBe('done');
    expect(exit).toEqual({ code: 7 });
  });

  it('kills the program when the caller goes away', async () => {
    const programs: ReturnType<typeof copier>[] = [];
    const exec = await connectExec(programs);
    exec.close();
    await expect.poll(() => programs[0]?.killed).toBe(true);
    await expect(exec.exit).rejects.toMatchObject({ code: 'node_unreachable' });
  });
});

describe('the OpenAPI documents', () => {
  it.each([
    ['PLC', plcRoutes],
    ['node', nodeRoutes],
  ])('of the %s describe every route with its parameters and problems', (_name, table) => {
    const document = openApiDocument({ title: 't', version: '1' }, table) as {
      paths: Record<string, Record<string, { operationId: string }>>;
    };
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path).map((o) => o.operationId));
    expect(operations.sort()).toEqual(Object.keys(table).sort());
    expect(JSON.stringify(document)).toMatch(/application\/problem\+json/);
  });
});

it('a body that comes drop by drop is not waited for', async () => {
  const app = createApp({ bodyWithinMs: 200 });
  serve(app, plcRoutes.createSession, async () => expect.unreachable());
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo; // it listens on TCP
  const socket = connectTcp(port, '127.0.0.1');
  socket.on('error', () => {});
  socket.write(
    'POST /v1/sessions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
  );
  socket.resume();
  await new Promise((resolve) => socket.once('close', resolve));
  await app.close();
});

it('a body of a kind that nothing takes is not waited for either', async () => {
  const { url } = await overHttp1([]);
  const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.write('POST /v1/double/a1_b HTTP/1.1\r\nhost: x\r\ncontent-type: text/plain\r\ncontent-length: 100\r\n\r\nx');
  const [answer] = await once(socket, 'data');
  expect(String(answer)).toMatch(/malformed_request/);
  socket.destroy();
});

it('who sends a body that is too large can send it to its end, and then ask again on the same connection', async () => {
  const { url } = await overHttp1([]);
  const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
  const failed = new Promise((_, reject) => socket.once('error', reject));
  const head = 'host: x\r\ncontent-type: application/json\r\ncontent-length: ';
  socket.write(`POST /v1/double/a1_b HTTP/1.1\r\n${head}4000000\r\n\r\n`);
  let answers = '';
  socket.on('data', (chunk) => {
    answers += chunk;
  });
  await expect.poll(() => answers, { timeout: 30_000 }).toContain('body_too_large'); // the answer is there before the body
  const sent = new Promise((done) => socket.write('x'.repeat(4_000_000), done));
  await Promise.race([sent, failed]);
  socket.write(`POST /v1/double/a1_b HTTP/1.1\r\n${head}7\r\n\r\n{"n":4}`);
  await Promise.race([expect.poll(() => answers, { timeout: 30_000 }).toContain('{"n":8}'), failed]);
  socket.destroy();
});

it('who sends far more than a body may have, is cut off', async () => {
  const { url } = await overHttp1([]);
  const socket = connectTcp(Number(new URL(url).port), '127.0.0.1');
  socket.on('error', () => {});
  socket.resume();
  const head = 'host: x\r\ncontent-type: application/json\r\ncontent-length: 1000000000';
  socket.write(`POST /v1/double/a1_b HTTP/1.1\r\n${head}\r\n\r\n`);
  const piece = Buffer.alloc(1_000_000, 'x');
  let pieces = 0;
  while (!socket.closed && pieces < 1000) {
    pieces += 1;
    await new Promise((done) => socket.write(piece, done));
  }
  expect(socket.closed).toBe(true);
});

it('a stream of events goes on for longer than a body may take', async () => {
  const app = createApp({ bodyWithinMs: 50 });
  serve(app, plcRoutes.watch, (_input, context) => sendEvents(context, slowly(5, 50)));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo; // it listens on TCP
  const text = await (await fetch(`http://127.0.0.1:${port}/v1/watch`)).text();
  expect(text.match(/data:/g)).toHaveLength(5);
  await app.close();
});

async function* slowly(count: number, pauseMs: number): AsyncGenerator<number> {
  for (let index = 0; index < count; index++) {
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
    yield index;
  }
}

it('a name in a path that is far too long is refused as everything else is', async () => {
  const { url } = await overHttp1([]);
  const reply = await fetch(`${url}/v1/double/${'x'.repeat(400)}`, { method: 'POST' });
  expect(reply.headers.get('content-type')).toMatch(/problem\+json/);
  expect(await reply.json()).toMatchObject({ code: 'malformed_request', status: 400 });
});
