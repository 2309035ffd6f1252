import { mkdtempSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient, fetchTransport, plcRoutes, withHeaders } from '@planetlab/contract';
import type { NodeName, SliceName } from '@planetlab/model';
import { pino } from 'pino';
import { vi } from 'vitest';
import { type Plc, purgePlc, startPlc } from '../index.ts';
import type { PlcOptions } from '../options.ts';

// A database and a server start for each file: on a busy machine that takes its time.
vi.setConfig({ testTimeout: 30_000, hookTimeout: 60_000 });

export type PlcClient = Client<typeof plcRoutes>;

/** A PLC of its own for a test file: real listeners, a real PostgreSQL in a fresh folder, a clock that can be moved. */
export interface TestPlc extends AsyncDisposable {
  readonly plc: Plc;
  readonly state: string;
  readonly admin: PlcClient;
  readonly adminToken: string;
  /** A client with this token, or with none; of this PLC, or of another one. */
  withToken(token?: string, url?: string): PlcClient;
  /** Registers a person with roles and signs in. */
  person(email: string, roles?: { role: 'admin' | 'pi' | 'user' | 'tech'; site: string | null }[]): Promise<TestPerson>;
  /** Moves the PLC's clock ahead. */
  advance(ms: number): void;
  /** Stops and starts again on the same state. */
  restart(): Promise<void>;
  /** A new join token of a node that it registers when need be. */
  invite(node: string, site?: string): Promise<string>;
}

export interface TestPerson {
  readonly email: string;
  readonly token: string;
  readonly client: PlcClient;
}

export async function startTestPlc(overrides: Partial<PlcOptions> = {}): Promise<TestPlc> {
  const state = mkdtempSync(join(tmpdir(), 'plc-test-'));
  let aheadMs = 0;
  const options: PlcOptions = {
    state,
    listen: '127.0.0.1:0',
    nodeListen: '127.0.0.1:0',
    log: pino({ level: process.env['PLC_TEST_LOG'] ?? 'silent' }),
    nowMs: () => Date.now() + aheadMs,
    ...overrides,
  };
  let plc = await startPlc(options);
  const adminToken = readFileSync(plc.adminTokenFile, 'utf8').trim();
  const withToken = (token?: string, url?: string): PlcClient =>
    createClient(
      plcRoutes,
      withHeaders(
        (request) => fetchTransport(url ?? plc.publicUrl)(request),
        () => (token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ),
    );
  const admin = withToken(adminToken);
  return {
    get plc() {
      return plc;
    },
    state,
    admin,
    adminToken,
    withToken,
    async person(email, roles = []) {
      await admin.createPerson({ body: { email, name: email, roles } });
      const { token } = await admin.createToken({ body: { label: 'test', person: email } });
      return { email, token, client: withToken(token) };
    },
    advance: (ms) => {
      aheadMs += ms;
    },
    async restart() {
      await plc[Symbol.asyncDispose]();
      plc = await startPlc(options);
    },
    async invite(node, site = 'demo') {
      const { items } = await admin.listNodes({ query: {} });
      if (!items.some(({ name }) => name === (node as NodeName)))
        await admin.createNode({ body: { name: node, site } });
      return (await admin.inviteNode({ params: { node }, body: {} })).token;
    },
    async [Symbol.asyncDispose]() {
      await plc[Symbol.asyncDispose]();
      await purgePlc(state);
    },
  };
}

/** The sliver of a slice on a node as the PLC shows it, or undefined. */
export async function sliverOf(client: PlcClient, slice: string, node: string) {
  const { items } = await client.listSlivers({ query: { slice } });
  return items.find((sliver) => sliver.node === (node as NodeName) && sliver.slice === (slice as SliceName));
}

/** Asks again until the answer is what is waited for; fails with the last answer. */
export async function eventually<T>(
  ask: () => Promise<T>,
  isIt: (answer: T) => boolean,
  timeoutMs = 25_000,
): Promise<T> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    if (performance.now() > deadline) throw new Error(`still ${JSON.stringify(answer)} after ${timeoutMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
