import { X509Certificate } from 'node:crypto';
import { checkServerIdentity } from 'node:tls';
import { AuthorityName, isPlanetLabError, NodeId, NodeName } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import {
  certificateFingerprint,
  createAuthorityIdentity,
  createNodeRequest,
  generateKeyPair,
  issueNodeCertificate,
  issueProcessCertificate,
  issueServerCertificate,
  loadAuthorityIdentity,
  readNodeCertificate,
  readProcessCertificate,
  readServerCertificate,
} from './index.ts';
import { codeOf, NOW_MS } from './testing.ts';

const DAY_MS = 24 * 3_600_000;
const name = AuthorityName.parse('planetlab');
const nodeId = NodeId.parse('0e8d2f5c-36a5-4c42-8f5e-2f4a8c1b7d02');
const nodeName = NodeName.parse('planetlab1.princeton');
const authority = await createAuthorityIdentity(name, NOW_MS);
const root = new X509Certificate(authority.certificatePem);

const issue = async (change: Partial<Parameters<typeof issueNodeCertificate>[1]> = {}) => {
  const key = generateKeyPair();
  const csrPem = await createNodeRequest(key, nodeName);
  const issued = await issueNodeCertificate(authority, { csrPem, nodeId, nodeName, addresses: [], ...change }, NOW_MS);
  return { ...issued, ownKey: key, x509: new X509Certificate(issued.certificatePem) };
};

async function rejection(promise: Promise<unknown>): Promise<string> {
  return promise.then(
    () => 'no error',
    (error: unknown) => (isPlanetLabError(error) ? error.code : Promise.reject(error)),
  );
}

describe('an authority', () => {
  it('has a root certificate for ten years that signs itself', () => {
    expect(root.ca).toBe(true);
    expect(root.verify(root.publicKey)).toBe(true);
    expect(root.subject).toBe('CN=planetlab');
    expect(root.validFromDate.getTime()).toBeLessThan(NOW_MS);
    expect(root.validToDate.getTime() - NOW_MS).toBeGreaterThan(3649 * DAY_MS);
  });

  it('is the same after loading', () => {
    const { certificatePem, key } = authority;
    const again = loadAuthorityIdentity({ name, certificatePem, keyPem: key.exportPem() });
    expect(again.fingerprint).toBe(authority.fingerprint);
    expect(again.key.publicKey).toEqual(key.publicKey);
  });

  it('is not loaded from files that do not belong together, or are none', () => {
    const { certificatePem, key } = authority;
    const load = (keyPem: string, pem: string) =>
      codeOf(() => loadAuthorityIdentity({ name, keyPem, certificatePem: pem }));
    expect(load(generateKeyPair().exportPem(), certificatePem)).toBe('credential_invalid');
    expect(load(key.exportPem(), '')).toBe('credential_invalid');
    expect(load('', certificatePem)).toBe('malformed_key');
  });

  it('has the fingerprint that others compute: of the certificate’s DER form', () => {
    expect(authority.fingerprint).toBe(root.fingerprint256.replaceAll(':', '').toLowerCase());
    expect(certificateFingerprint(root.raw)).toBe(authority.fingerprint);
    expect(codeOf(() => certificateFingerprint('nonsense'))).toBe('credential_invalid');
  });
});

describe('a node certificate', () => {
  it('says who the node is, for its key, for a year, from a little before now', async () => {
    const { x509, ownKey, key, expiresAtMs } = await issue();
    expect(key).toEqual(ownKey.publicKey);
    expect(readNodeCertificate(x509.raw)).toEqual({ nodeId, nodeName, key, expiresAtMs });
    expect(x509.checkIssued(root)).toBe(true);
    expect(x509.verify(root.publicKey)).toBe(true);
    expect(x509.ca).toBe(false);
    expect(Math.round((expiresAtMs - NOW_MS) / DAY_MS)).toBe(365);
    expect(NOW_MS - x509.validFromDate.getTime()).toBeGreaterThanOrEqual(5 * 60_000);
    expect(x509.keyUsage).toEqual(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
  });

  it('holds for the node’s addresses and for its own internal name, but never for a host of the node’s name', async () => {
    const { x509 } = await issue({
      nodeName: NodeName.parse('plc.example.org'),
      addresses: ['192.0.2.7', '2001:db8::7'],
    });
    const certificate = x509.toLegacyObject();
    const matches = (host: string) => checkServerIdentity(host, certificate) === undefined;
    expect(['192.0.2.7', '2001:db8::7', `${nodeId}.node.planetlab.internal`].map(matches)).toEqual([true, true, true]);
    expect(['plc.example.org', '192.0.2.8'].map(matches)).toEqual([false, false]);
  });

  it('is not issued for a malformed request, one signed by another key, or a malformed address', async () => {
    expect(await rejection(issue({ csrPem: '' }))).toBe('malformed_request');
    expect(await rejection(issue({ csrPem: 'x'.repeat(100_000) }))).toBe('malformed_request');
    expect(await rejection(issue({ csrPem: authority.certificatePem }))).toBe('malformed_request');
    expect(await rejection(issue({ csrPem: await withWrongSignature() }))).toBe('proof_invalid');
    for (const address of ['not a name', '*.example.org', '', 'fe80::1%eth0', 'a,DNS:plc.example.org']) {
      expect(await rejection(issue({ addresses: [address] })), address).toBe('malformed_name');
    }
    expect(await rejection(issue({ addresses: Array.from({ length: 1000 }, () => '192.0.2.1') }))).toBe(
      'malformed_name',
    );
  });

  it('is told from the certificate of the authority’s server, and the other way round', async () => {
    const server = await issueServerCertificate(authority, { names: ['plc.example.org', '192.0.2.1'] }, NOW_MS);
    const serverDer = new X509Certificate(server.certificatePem).raw;
    const nodeDer = (await issue()).x509.raw;
    expect(readServerCertificate(serverDer)).toEqual({ authority: name });
    expect(codeOf(() => readServerCertificate(nodeDer))).toBe('credential_invalid');
    expect(codeOf(() => readNodeCertificate(serverDer))).toBe('credential_invalid');
    const own = await issueProcessCertificate(authority, nodeId, NOW_MS);
    const processDer = new X509Certificate(own.certificatePem).raw;
    expect(readProcessCertificate(processDer)).toEqual({ processId: nodeId });
    for (const der of [serverDer, nodeDer, root.raw])
      expect(codeOf(() => readProcessCertificate(der))).toBe('credential_invalid');
    expect(codeOf(() => readServerCertificate(processDer))).toBe('credential_invalid');
    expect(codeOf(() => readNodeCertificate(processDer))).toBe('credential_invalid');
    expect(codeOf(() => readNodeCertificate(root.raw))).toBe('credential_invalid');
    expect(codeOf(() => readNodeCertificate(Buffer.from('nonsense')))).toBe('credential_invalid');
  });
});

/** A proper request whose last byte, in the signature, is another. */
async function withWrongSignature(): Promise<string> {
  const pem = await createNodeRequest(generateKeyPair(), nodeName);
  const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
  der[der.length - 1] = (der.at(-1) ?? 0) ^ 1;
  return `-----BEGIN CERTIFICATE REQUEST-----\n${der.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
}
