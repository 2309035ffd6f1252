import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type AuthorityIdentity,
  createAuthorityIdentity,
  createNodeRequest,
  generateKeyPair,
  issueNodeCertificate,
  type KeyPair,
} from '@planetlab/credentials';
import { AuthorityName, DAY_MS, type NodeName } from '@planetlab/model';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { NODE } from '../testing/fixtures.ts';
import { createRenewal } from './renewal.ts';

const key = generateKeyPair();
const now = Date.now();
let authority: AuthorityIdentity;
let folder: string;

beforeAll(async () => {
  authority = await createAuthorityIdentity(AuthorityName.parse('planetlab'), now);
  folder = mkdtempSync(join(tmpdir(), 'renewal-test-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

async function certify(change: { by?: AuthorityIdentity; key?: KeyPair; name?: string; atMs?: number } = {}) {
  const { by = authority, atMs = now, name = NODE.name } = change;
  const csrPem = await createNodeRequest(change.key ?? key, NODE.name);
  const request = { csrPem, nodeId: NODE.id, nodeName: name as NodeName, addresses: [] };
  return (await issueNodeCertificate(by, request, atMs)).certificatePem;
}

async function renewal() {
  const certificatePem = await certify();
  const file = join(folder, 'node.crt');
  return { file, renewal: createRenewal({ ...NODE, key, certificatePem, caPem: authority.certificatePem }, file) };
}

it('takes a certificate for its own key that is good for longer, and keeps it', async () => {
  const { file, renewal: renewed } = await renewal();
  expect(await renewed.request()).toContain('CERTIFICATE REQUEST');
  const longer = await certify({ atMs: now + 200 * DAY_MS });
  renewed.install(longer);
  expect(renewed.current()).toBe(longer);
  expect(readFileSync(file, 'utf8')).toBe(longer);
});

it('keeps the one it has when another is for another key or node, from another authority, or no better', async () => {
  const { renewal: renewed } = await renewal();
  const before = renewed.current();
  const atMs = now + 200 * DAY_MS;
  const other = await createAuthorityIdentity(AuthorityName.parse('planetlab'), now);
  const refused = [
    ['another key', await certify({ key: generateKeyPair(), atMs })],
    ['another node', await certify({ name: 'mallory', atMs })],
    ['not from the authority', await certify({ by: other, atMs })],
    ['no later', await certify()],
    ['no certificate', 'hello'],
  ] as const;
  for (const [why, pem] of refused) expect(() => renewed.install(pem)).toThrow(why);
  expect(renewed.current()).toBe(before);
});
