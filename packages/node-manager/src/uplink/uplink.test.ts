import { once } from 'node:events';
import { createServer, type Http2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer, type TLSSocket, type TlsOptions } from 'node:tls';
import { UPLINK_PROTOCOL } from '@planetlab/contract';
import {
  type AuthorityIdentity,
  createAuthorityIdentity,
  createNodeRequest,
  generateKeyPair,
  issueNodeCertificate,
  issueServerCertificate,
} from '@planetlab/credentials';
import { AuthorityName, HOUR_MS, MINUTE_MS } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { NODE } from '../testing/fixtures.ts';
import { startUplink, type UplinkOptions } from './uplink.ts';

const authority = await createAuthorityIdentity(AuthorityName.parse('planetlab'), Date.now());
const nodeKey = generateKeyPair();
/** On whatever machine. */
const SOON = { timeout: 30_000 };
const logger = { info() {}, warn() {}, error() {} };

const nodeCertificate = async (by: AuthorityIdentity) => {
  const csrPem = await createNodeRequest(nodeKey, NODE.name);
  const request = { csrPem, nodeId: NODE.id, nodeName: NODE.name, addresses: ['127.0.0.1'] };
  return (await issueNodeCertificate(by, request, Date.now())).certificatePem;
};

/** A listener of the authority; what it does with a connection is up to the test. */
async function listen(options: TlsOptions = {}, names: readonly string[] = ['127.0.0.1']) {
  const tls = await issueServerCertificate(authority, { names }, Date.now());
  const sockets: TLSSocket[] = [];
  const server = createTlsServer({
    key: tls.keyPem,
    cert: tls.certificatePem,
    ca: [tls.caPem],
    requestCert: true,
    ALPNProtocols: [UPLINK_PROTOCOL],
    ...options,
  });
  server.on('secureConnection', (socket) => {
    socket.on('error', () => {});
    socket.resume();
    sockets.push(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    ...{ server, sockets },
    address: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function uplinkTo(address: string, over: Partial<UplinkOptions> = {}) {
  const certificatePem = await nodeCertificate(authority);
  const http2: Http2Server = createServer();
  const uplink = startUplink({
    address,
    keyPem: nodeKey.exportPem(),
    certificatePem: () => certificatePem,
    caPem: authority.certificatePem,
    serve(socket) {
      const made: ServerHttp2Session[] = [];
      http2.once('session', (session) => made.push(session.on('error', () => {})));
      http2.emit('connection', socket);
      const [session] = made;
      if (session === undefined) throw new Error('no session');
      return session;
    },
    logger,
    random: () => 0.99,
    ...over,
  });
  return { ...uplink, [Symbol.asyncDispose]: () => uplink.close() };
}
const reasonOf = (uplink: Awaited<ReturnType<typeof uplinkTo>>) =>
  expect.poll(() => {
    const state = uplink.state();
    return state.state === 'waiting' ? state.reason : state.state;
  }, SOON);

describe('the uplink', () => {
  it('shows the node’s certificate and opens', async () => {
    using listener = await listen();
    await using uplink = await uplinkTo(listener.address);
    await expect.poll(() => uplink.state().state, SOON).toBe('connected');
    await expect.poll(() => listener.sockets.length, SOON).toBe(1); // the other end may open later
    expect(listener.sockets[0]?.getPeerX509Certificate()?.subject).toContain(NODE.name);
  });

  it('notices a link that is open but dead, and dials again', async () => {
    using listener = await listen(); // takes bytes and never answers
    await using uplink = await uplinkTo(listener.address, { pingMs: 50 });
    await reasonOf(uplink).toContain('no answer for 50 ms');
    await expect.poll(() => listener.sockets.length, SOON).toBeGreaterThan(1);
  });

  it('dials for an hour as it does for a minute, at most every few seconds, and opens when it is answered', async () => {
    using listener = await listen();
    const pauses: number[] = [];
    let waitedMs = 0;
    const pause = async (ms: number) => {
      pauses.push(ms);
      waitedMs += ms;
    };
    listener.server.on('connection', (socket) => waitedMs < HOUR_MS && socket.destroy());
    await using uplink = await uplinkTo(listener.address, { pause, random: Math.random });
    await expect.poll(() => uplink.state().state, SOON).toBe('connected');
    expect(waitedMs).toBeGreaterThan(HOUR_MS);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(15_000);
    expect(Math.min(...pauses.slice(5)), 'after the first few').toBeGreaterThanOrEqual(7_500);
  });

  it('dials ever less often where each try lasts long and opens nothing, and soon after a link that was open long', async () => {
    using listener = await listen();
    const pauses: number[] = [];
    let clockMs = 0;
    let answers = false;
    listener.server.on('connection', (socket) => {
      clockMs += 11_000; // of a handshake that is not answered
      if (!answers) socket.destroy();
    });
    const pause = async (ms: number) => {
      pauses.push(ms);
      answers = pauses.length === 6;
    };
    await using uplink = await uplinkTo(listener.address, { pause, random: () => 0, monotonicMs: () => clockMs });
    await expect.poll(() => uplink.state().state, SOON).toBe('connected');
    expect(pauses).toEqual([500, 1_000, 2_000, 4_000, 8_000, 15_000]);
    clockMs += 11_000;
    await expect.poll(() => listener.sockets.length, SOON).toBe(1);
    listener.sockets[0]?.destroy();
    await expect.poll(() => pauses.length, SOON).toBeGreaterThan(6);
    expect(pauses[6]).toBe(500);
  });

  it('dials again soon where nothing listens: the authority’s program is being started again, unless that lasts', async () => {
    const pauses: number[] = [];
    await using _uplink = await uplinkTo('127.0.0.1:1', {
      pause: async (ms) => void pauses.push(ms),
      random: () => 0,
    });
    await expect.poll(() => pauses.length, SOON).toBeGreaterThan(40);
    expect(Math.max(...pauses.slice(0, 10)), 'of the first').toBe(2_000);
    expect(pauses.reduce((sum, ms) => sum + ms, 0)).toBeGreaterThan(MINUTE_MS);
    expect(pauses.at(-1), 'of the latest').toBe(15_000);
  });

  it('goes to the next of several addresses when it loses the one it has, or one does not answer', async () => {
    using first = await listen();
    using second = await listen();
    await using uplink = await uplinkTo(`${first.address},127.0.0.1:1,${second.address}`, { random: () => 0 });
    await expect.poll(() => first.sockets.length, SOON).toBe(1);
    first.sockets[0]?.destroy();
    await expect.poll(() => second.sockets.length, SOON).toBe(1);
    await expect.poll(() => uplink.state().state, SOON).toBe('connected');
    expect(first.sockets).toHaveLength(1);
  });

  it('says when the certificate is for another address', async () => {
    using listener = await listen({}, ['plc.example.org']);
    await using uplink = await uplinkTo(listener.address);
    await reasonOf(uplink).toContain('is not for 127.0.0.1');
  });

  it('says when the other side is not the authority that the node joined', async () => {
    const other = await createAuthorityIdentity(AuthorityName.parse('planetlab'), Date.now());
    using listener = await listen();
    await using uplink = await uplinkTo(listener.address, { caPem: other.certificatePem });
    await reasonOf(uplink).toContain('is not from the authority that this node joined');
  });

  it('does not take another node for the authority', async () => {
    using listener = await listen({ key: nodeKey.exportPem(), cert: await nodeCertificate(authority) });
    await using uplink = await uplinkTo(listener.address);
    await reasonOf(uplink).toContain('not that of an authority');
    expect(listener.sockets.every((socket) => socket.bytesRead === 0)).toBe(true);
  });

  it('says when nobody listens, and when it is something else that does', async () => {
    await using nobody = await uplinkTo('127.0.0.1:1');
    await reasonOf(nobody).toBe('nothing listens at 127.0.0.1:1');
    using listener = await listen({ ALPNProtocols: ['http/1.1'] });
    await using uplink = await uplinkTo(listener.address);
    await reasonOf(uplink).toContain('does not take nodes');
  });
});
