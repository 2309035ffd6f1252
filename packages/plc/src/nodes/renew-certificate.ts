import { type AuthorityIdentity, issueNodeCertificate, type NodeIdentity } from '@planetlab/credentials';
import { DAY_MS, HOUR_MS, Principal } from '@planetlab/model';
import { record } from '../events/record.ts';
import type { Store } from '../store/store.ts';
import type { NodeClient } from '../uplinks/node-client.ts';
import { findNodeById } from './store.ts';

/** A certificate is good for a year: there are months in which a node may come by. */
const RENEW_BEFORE_MS = 120 * DAY_MS;
/** After a try that failed, as with a node that is too old to be asked. */
const RETRY_MS = HOUR_MS;

/** Renews the certificate of one connected node when it is time. */
export interface CertificateKeeper {
  /** Cheap to call often. Throws what went wrong with a renewal; it is tried again after an hour. */
  tend(signal: AbortSignal): Promise<void>;
}

export interface CertificateKeeperOptions {
  readonly store: Store;
  readonly authority: AuthorityIdentity;
  readonly node: NodeIdentity;
  readonly client: NodeClient;
  /** Under which the node's connection was seen; the only one of its addresses that is certified. */
  readonly seenAddress: string | undefined;
}

export function createCertificateKeeper(options: CertificateKeeperOptions): CertificateKeeper {
  const { store, node } = options;
  let { expiresAtMs } = node;
  let notBeforeMs = 0;
  return {
    async tend(signal) {
      const nowMs = store.now().getTime();
      if (expiresAtMs - nowMs > RENEW_BEFORE_MS || nowMs < notBeforeMs) return;
      notBeforeMs = nowMs + RETRY_MS;
      expiresAtMs = await renew(options, signal);
    },
  };
}

async function renew(options: CertificateKeeperOptions, signal: AbortSignal): Promise<number> {
  const { store, authority, node, client, seenAddress } = options;
  const row = await findNodeById(store.db, node.nodeId);
  if (row === undefined || row.deleted_at !== null || row.key_thumbprint !== node.key.thumbprint)
    return node.expiresAtMs;
  const at = store.now();
  const { certificateRequest } = await client.getCertificateRequest({}, { signal });
  const issued = await issueNodeCertificate(
    authority,
    {
      csrPem: certificateRequest,
      nodeId: node.nodeId,
      nodeName: node.nodeName,
      addresses: (row.addresses ?? []).filter((address) => address === seenAddress),
    },
    at.getTime(),
  );
  // Only for the key that joined: a node that asks for another one is not the machine that was let in.
  if (issued.key.thumbprint !== node.key.thumbprint) return node.expiresAtMs;
  await client.setCertificate({ body: { certificate: issued.certificatePem } }, { signal });
  await store.db.transaction().execute(async (trx) => {
    const set = { certificate_expires_at: new Date(issued.expiresAtMs) };
    await trx.updateTable('nodes').set(set).where('id', '=', node.nodeId).execute();
    const actor = Principal.parse('service:plc');
    const entry = { at, actor, kind: 'node.certificate-renewed', subject: node.nodeName, site: row.site };
    await record(trx, { ...entry, after: { expiresAt: set.certificate_expires_at } });
  });
  return issued.expiresAtMs;
}
