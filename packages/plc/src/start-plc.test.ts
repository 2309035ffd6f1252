import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { purgePlc, startPlc } from './index.ts';
import { startTestPlc, type TestPlc } from './testing/test-plc.ts';

const log = pino({ level: 'silent' });

describe('the console', () => {
  let folder: string;
  let test: TestPlc;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'plc-console-'));
    mkdirSync(join(folder, 'assets'));
    writeFileSync(join(folder, 'index.html'), '<title>PlanetLab</title>');
    writeFileSync(join(folder, 'assets/page-abc123.js'), 'export {}');
    writeFileSync(join(folder, '..', 'plc-console-secret.txt'), 'secret');
    test = await startTestPlc({ consoleFolder: folder });
  });
  afterAll(async () => {
    await test[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true });
    rmSync(join(folder, '..', 'plc-console-secret.txt'));
  });
  const get = (path: string) => fetch(test.plc.publicUrl + path);

  it.each(['/', '/sign-in', '/slices/demo_hello'])('is one page for each of its own addresses (%s)', async (path) => {
    const reply = await get(path);
    expect(await reply.text()).toContain('<title>PlanetLab</title>');
    expect(reply.headers.get('content-security-policy')).toContain("default-src 'none'");
  });

  it('is served with files that may be kept for ever, and nothing from elsewhere', async () => {
    const script = await get('/assets/page-abc123.js');
    expect(script.headers.get('cache-control')).toContain('immutable');
    expect(script.headers.get('content-type')).toContain('javascript');
    expect((await get('/..%2fplc-console-secret.txt')).status).toBeGreaterThanOrEqual(400);
    expect((await get('/%E0%A4%A.js')).status).toBe(400);
    expect((await get('/no-such-file.js')).status).toBe(404);
  });

  it('does not stand in for parts of the API that do not exist', async () => {
    const reply = await get('/v1/nothing');
    expect(reply.status).toBe(404);
    expect(await reply.json()).toMatchObject({ code: 'no_such_route' });
  });
});

describe('TLS of its own', () => {
  it('shows the certificate that it was given, a new one once it is told, and never a broken one', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plc-tls-'));
    const [certificateFile, keyFile] = [join(folder, 'plc.crt'), join(folder, 'plc.key')];
    const makeCertificate = () =>
      execFileSync('openssl', [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-subj', '/CN=plc.example.org', '-keyout', keyFile, '-out', certificateFile],
      ]);
    makeCertificate();
    await using test = await startTestPlc({ tls: { certificateFile, keyFile } });
    const shown = async () => {
      const socket = connect({ port: Number(new URL(test.plc.publicUrl).port), rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      const found = socket.getPeerX509Certificate()?.fingerprint256;
      socket.destroy();
      return found;
    };
    const onDisk = () => new X509Certificate(readFileSync(certificateFile)).fingerprint256;
    expect(test.plc.publicUrl).toMatch(/^https:/);
    const first = onDisk();
    expect(await shown()).toBe(first);
    makeCertificate();
    test.plc.reloadCertificate();
    expect(onDisk()).not.toBe(first);
    expect(await shown()).toBe(onDisk());
    const second = onDisk();
    writeFileSync(keyFile, 'not a key');
    test.plc.reloadCertificate();
    expect(await shown()).toBe(second);
    const start = startPlc({
      ...{ state: folder, listen: '127.0.0.1:0', nodeListen: '127.0.0.1:0', log },
      tls: { certificateFile, keyFile },
    });
    await expect(start).rejects.toThrow(/cannot be used for TLS/);
    rmSync(folder, { recursive: true });
  });
});

describe('starting', () => {
  it('says who is in the way when the address is taken, and leaves nothing running', async () => {
    const state = mkdtempSync(join(tmpdir(), 'plc-start-'));
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const start = startPlc({ state, listen: `127.0.0.1:${port}`, nodeListen: '127.0.0.1:0', log });
    await expect(start).rejects.toThrow(/Another program listens at 127\.0\.0\.1/);
    taken.close();
    await purgePlc(state);
  });

  it('refuses names that are none before it makes anything', async () => {
    const state = mkdtempSync(join(tmpdir(), 'plc-start-'));
    const common = { state, listen: '127.0.0.1:0', nodeListen: '127.0.0.1:0', log };
    await expect(startPlc({ ...common, authority: 'No Name' })).rejects.toMatchObject({ code: 'malformed_name' });
    await expect(startPlc({ ...common, adminEmail: 'root' })).rejects.toMatchObject({ code: 'malformed_name' });
    await expect(startPlc({ ...common, listen: '8420' })).rejects.toMatchObject({ code: 'malformed_request' });
    rmSync(state, { recursive: true });
  });

  it('removes nothing that is not a PLC’s', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'plc-start-'));
    writeFileSync(join(folder, 'mine'), '');
    await expect(purgePlc(folder)).rejects.toThrow(/not the state folder of a PLC/);
    rmSync(folder, { recursive: true });
    await purgePlc(folder);
  });
});
