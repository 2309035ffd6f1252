import { randomUUID } from 'node:crypto';
import type { LeaseRecord } from '@planetlab/contract';
import { generateKeyPair, issueLease, type KeyPair } from '@planetlab/credentials';
import {
  AuthorityName,
  DEFAULT_RESOURCES,
  ImageName,
  LeaseId,
  NodeId,
  NodeName,
  Principal,
  SliceName,
  toInstant,
} from '@planetlab/model';
import { expect, it } from 'vitest';
import { checkedLeases } from './checked-lease.ts';

const key = generateKeyPair();
const holder = generateKeyPair().publicKey.thumbprint;
const node = {
  nodeId: NodeId.parse(randomUUID()),
  nodeName: NodeName.parse('one'),
  key: key.publicKey,
  expiresAtMs: Infinity,
};
const NOW_MS = Date.parse('2026-01-01T00:00:00Z');

function lease(slice: string, signedBy: KeyPair = key): LeaseRecord {
  const id = LeaseId.parse(randomUUID());
  const common = {
    slice: SliceName.parse(slice),
    holder,
    principal: Principal.parse('broker:lab'),
    image: ImageName.parse('debian-12'),
    resources: DEFAULT_RESOURCES,
  };
  const signed = { ...common, id, node: node.nodeId, nodeName: node.nodeName, authority: AuthorityName.parse('lab') };
  const token = issueLease(signedBy, { ...signed, issuedAtMs: NOW_MS, expiresAtMs: NOW_MS + 3_600_000 });
  return { ...common, id, token, grantedAt: toInstant(NOW_MS), expiresAt: toInstant(NOW_MS + 3_600_000) };
}

const outcomes = (records: readonly LeaseRecord[], drawn = 0) =>
  checkedLeases(records, node, holder, () => drawn).map((each) => (each instanceof Error ? each.message : each.slice));

it('takes the leases of an answer when the one that is drawn is good', () => {
  expect(outcomes([lease('lab_one'), lease('lab_two')])).toEqual(['lab_one', 'lab_two']);
  expect(outcomes([])).toEqual([]);
});

it('checks each when the one that is drawn is not, and takes those that are', () => {
  const forged = lease('lab_two', generateKeyPair());
  expect(outcomes([lease('lab_one'), forged], 1)).toEqual([
    'lab_one',
    expect.stringMatching(/signature does not match/),
  ]);
});

it('never takes a lease alone that says something else than was signed', () => {
  const changed = { ...lease('lab_one'), expiresAt: toInstant(NOW_MS + 7_200_000) };
  expect(outcomes([changed])).toEqual([expect.stringMatching(/does not say what it signed. Tell its site/)]);
});

it('takes no lease of another holder, whichever is drawn', () => {
  const foreign = { ...lease('lab_two'), holder: generateKeyPair().publicKey.thumbprint };
  expect(outcomes([lease('lab_one'), foreign])).toEqual([
    'lab_one',
    expect.stringMatching(/does not say what it signed/),
  ]);
});
