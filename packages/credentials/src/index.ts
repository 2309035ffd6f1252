/**
 * Keys, slice credentials, leases, proofs of possession, join tokens and certificates: issue and verify them, offline.
 * No I/O except node:crypto; it must not know HTTP servers, databases or hosts. The time is always passed as `nowMs`.
 */
export type { AuthorityCertificate, AuthorityIdentity } from './authority.ts';
export { createAuthorityIdentity, loadAuthorityIdentity, readAuthorityCertificate } from './authority.ts';
export { certificateFingerprint } from './fingerprint.ts';
export type { JoinToken } from './join-token.ts';
export { formatJoinToken, hashSecret, newSecret, parseJoinToken } from './join-token.ts';
export type { KeyPair, PublicKey } from './keys.ts';
export { generateKeyPair, importKeyPair, parsePublicKey } from './keys.ts';
export type { Lease } from './lease.ts';
export { issueLease, readLease, verifyLease } from './lease.ts';
export type { NodeCertificate, NodeIdentity } from './node-certificate.ts';
export { createNodeRequest, issueNodeCertificate, readNodeCertificate } from './node-certificate.ts';
export { issueProcessCertificate, readProcessCertificate } from './process-certificate.ts';
export type { ProvenRequest } from './proof.ts';
export { createProof, PROOF_SKEW_MS, verifyProof } from './proof.ts';
export type { ReplayGuard } from './replay-guard.ts';
export { createReplayGuard } from './replay-guard.ts';
export type { TlsIdentity } from './server-certificate.ts';
export { issueServerCertificate, readServerCertificate } from './server-certificate.ts';
export type { Right, SliceCredential, TrustedAuthority } from './slice-credential.ts';
export { issueSliceCredential, RIGHTS, verifySliceCredential } from './slice-credential.ts';
