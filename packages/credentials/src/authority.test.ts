import { AuthorityName, NodeId, NodeName } from '@planetlab/model';
import { expect, it } from 'vitest';
import { createAuthorityIdentity, readAuthorityCertificate } from './authority.ts';
import { generateKeyPair } from './keys.ts';
import { createNodeRequest, issueNodeCertificate } from './node-certificate.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const make = (name: string) => createAuthorityIdentity(AuthorityName.parse(name), NOW_MS);

it('an authority is known by its root certificate alone', async () => {
  const authority = await make('planetlab.example');
  expect(readAuthorityCertificate(authority.certificatePem)).toMatchObject({
    name: authority.name,
    fingerprint: authority.fingerprint,
    key: { thumbprint: authority.key.publicKey.thumbprint },
  });
});

it('a second certificate that somebody appended is left out: TLS would trust it too', async () => {
  const [authority, evil] = [await make('planetlab.example'), await make('evil.example')];
  const read = readAuthorityCertificate(`${authority.certificatePem}\n${evil.certificatePem}`);
  expect(read.fingerprint).toBe(authority.fingerprint);
  expect(read.certificatePem.match(/BEGIN/g)).toHaveLength(1);
});

it('a certificate that is no root is refused', async () => {
  const authority = await make('planetlab.example');
  const [key, nodeName] = [generateKeyPair(), NodeName.parse('tokyo')];
  const csrPem = await createNodeRequest(key, nodeName);
  const nodeId = NodeId.parse(crypto.randomUUID());
  const node = await issueNodeCertificate(authority, { csrPem, nodeId, nodeName, addresses: [] }, NOW_MS);
  expect(() => readAuthorityCertificate(node.certificatePem)).toThrow(/not the root certificate/);
  expect(() => readAuthorityCertificate('nothing')).toThrow(/not a certificate/);
});
