import { importKeyPair, type KeyPair, readAuthorityCertificate, type TrustedAuthority } from '@planetlab/credentials';
import { NodeId, NodeName, PlanetLabError } from '@planetlab/model';
import { z } from 'zod';
import { readOptional } from '../files.ts';
import type { NodePaths } from '../paths.ts';

/** Who this node is, since it joined. */
export interface NodeIdentity {
  readonly id: NodeId;
  readonly name: NodeName;
  /** `host:port` of the authority's listener for nodes. */
  readonly plcAddress: string;
  readonly key: KeyPair;
  readonly certificatePem: string;
  readonly caPem: string;
  readonly authority: TrustedAuthority;
}

export const NodeFile = z.object({ nodeId: NodeId, name: NodeName, plcAddress: z.string() });

/** Reads what joining wrote. Throws `malformed_request` with what to do when the node has not joined. */
export function readIdentity(paths: NodePaths): NodeIdentity {
  const read = (path: string): string => {
    const text = readOptional(path);
    if (text !== undefined) return text;
    throw new PlanetLabError(
      'malformed_request',
      `${path} is not there: this node has not joined an authority. Run the command with the join token that its authority printed.`,
    );
  };
  const node = NodeFile.parse(JSON.parse(read(paths.node)));
  const authority = readAuthorityCertificate(read(paths.caCertificate));
  return {
    id: node.nodeId,
    name: node.name,
    plcAddress: node.plcAddress,
    key: importKeyPair(read(paths.nodeKey)),
    certificatePem: read(paths.nodeCertificate),
    caPem: authority.certificatePem,
    authority: { name: authority.name, key: authority.key },
  };
}

/** By default the first 8 hex digits of the node's id. */
export const tagOf = (id: NodeId): string => id.replaceAll('-', '').slice(0, 8);
