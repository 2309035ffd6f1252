import { createPublicKey } from 'node:crypto';
import { NodeId, NodeName, PlanetLabError } from '@planetlab/model';
import type { AuthorityIdentity } from './authority.ts';
import { parseCertificate } from './fingerprint.ts';
import type { KeyPair, PublicKey } from './keys.ts';
import { publicKeyOf } from './keys.ts';
import { issueLeaf } from './leaf-certificate.ts';
import { commonNameOf, parseHosts, uriName } from './subject-names.ts';
import { commonName, ED25519, loadX509, webKeys } from './x509.ts';

const URI_PREFIX = 'planetlab:node:';
/** A DNS name of its own for each node; `.internal` is never delegated in the public DNS. */
const NAME_SUFFIX = '.node.planetlab.internal';
const MAX_REQUEST_CHARACTERS = 8192;

/** Who a node's certificate says it is. */
export interface NodeIdentity {
  readonly nodeId: NodeId;
  readonly nodeName: NodeName;
  readonly key: PublicKey;
  readonly expiresAtMs: number;
}

/** A certificate that was just issued. */
export interface NodeCertificate {
  readonly certificatePem: string;
  readonly key: PublicKey;
  readonly expiresAtMs: number;
}

/** What a node sends to its authority to get a certificate for its key (PKCS#10, PEM). The private half stays. */
export async function createNodeRequest(key: KeyPair, name: NodeName): Promise<string> {
  const x509 = await loadX509();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: commonName(name),
    keys: webKeys(key),
    signingAlgorithm: { name: ED25519 },
  });
  return request.toString('pem');
}

/**
 * Certifies a node's key for one year, for both ends of TLS. Of the request only the key counts, which its signature
 * proves the sender to hold; id, name and addresses are the authority's word. Throws `malformed_request`,
 * `proof_invalid` for a wrong signature, `malformed_name` for a wrong address.
 */
export async function issueNodeCertificate(
  authority: AuthorityIdentity,
  request: {
    readonly csrPem: string;
    readonly nodeId: NodeId;
    readonly nodeName: NodeName;
    readonly addresses: readonly string[];
  },
  nowMs: number,
): Promise<NodeCertificate> {
  const publicKey = await checkRequest(request.csrPem);
  const leaf = await issueLeaf(
    authority,
    {
      commonName: request.nodeName,
      uri: `${URI_PREFIX}${request.nodeId}`,
      // There must be a DNS name: without one, TLS clients compare the host with the common name, and a node that is
      // called like somebody's host would pass for it.
      hosts: [{ type: 'dns', value: `${request.nodeId}${NAME_SUFFIX}` }, ...parseHosts(request.addresses)],
      publicKey,
      ends: ['client', 'server'],
    },
    nowMs,
  );
  return { ...leaf, key: publicKeyOf(publicKey) };
}

/**
 * Who the other end of a TLS connection is, from its certificate. TLS has checked the chain, the dates and the key
 * before; this only reads. Throws `credential_invalid` when it is not a node's certificate.
 */
export function readNodeCertificate(der: Uint8Array): NodeIdentity {
  const certificate = parseCertificate(der);
  const nodeId = NodeId.safeParse(uriName(certificate, URI_PREFIX));
  const nodeName = NodeName.safeParse(commonNameOf(certificate));
  if (!nodeId.success || !nodeName.success || certificate.publicKey.asymmetricKeyType !== 'ed25519') {
    throw new PlanetLabError(
      'credential_invalid',
      'This certificate is not a node’s. Connect with the certificate that the node got when it joined.',
    );
  }
  return {
    nodeId: nodeId.data,
    nodeName: nodeName.data,
    key: publicKeyOf(certificate.publicKey),
    expiresAtMs: certificate.validToDate.getTime(),
  };
}

async function checkRequest(csrPem: string) {
  const malformed = (cause?: unknown) =>
    new PlanetLabError(
      'malformed_request',
      'This is not a certificate request (PKCS#10 in PEM form) for an Ed25519 key. Make it with `planetlab node join`.',
      { cause },
    );
  if (csrPem.length > MAX_REQUEST_CHARACTERS) throw malformed();
  const x509 = await loadX509();
  let holdsKey: boolean;
  let publicKey: ReturnType<typeof createPublicKey>;
  try {
    const request = new x509.Pkcs10CertificateRequest(csrPem);
    publicKey = createPublicKey({ key: Buffer.from(request.publicKey.rawData), format: 'der', type: 'spki' });
    holdsKey = publicKey.asymmetricKeyType === 'ed25519' && (await request.verify());
  } catch (error) {
    throw malformed(error);
  }
  if (publicKey.asymmetricKeyType !== 'ed25519') throw malformed();
  if (holdsKey) return publicKey;
  throw new PlanetLabError('proof_invalid', 'The certificate request is not signed by the key it is for.');
}
