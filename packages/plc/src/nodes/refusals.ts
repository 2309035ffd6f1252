import { X509Certificate } from 'node:crypto';
import { hashSecret, readNodeCertificate } from '@planetlab/credentials';
import { isPlanetLabError, type NodeId, toInstant } from '@planetlab/model';
import { announce } from '../events/record.ts';
import type { Store } from '../store/store.ts';

/** Notes why a machine with a join token of ours was not let in. Of others nothing is noted: anybody can knock. */
export async function noteRefusedJoin(store: Store, secret: string, error: unknown): Promise<void> {
  const token = await store.db
    .selectFrom('join_tokens')
    .select('node_id')
    .where('hash', '=', hashSecret(secret))
    .executeTakeFirst();
  if (token !== undefined) await note(store, token.node_id, error);
}

/**
 * Notes why the uplink of a node was not taken. Only for a certificate that the authority has issued, be it over, or that
 * has the node's own key: a stranger cannot speak for a node.
 */
export async function noteRefusedUplink(
  store: Store,
  certificate: X509Certificate | undefined,
  authority: { readonly certificatePem: string },
  error: unknown,
): Promise<void> {
  if (certificate === undefined) return;
  const identity = readNodeCertificate(certificate.raw);
  const row = await store.db
    .selectFrom('nodes')
    .select('key_thumbprint')
    .where('id', '=', identity.nodeId)
    .executeTakeFirst();
  const own = row?.key_thumbprint === identity.key.thumbprint;
  if (own || certificate.verify(new X509Certificate(authority.certificatePem).publicKey))
    await note(store, identity.nodeId, error);
}

async function note(store: Store, id: NodeId, error: unknown): Promise<void> {
  if (!isPlanetLabError(error)) return; // of ours, not of the node
  const at = toInstant(store.now().getTime());
  const refused = JSON.stringify({ code: error.code, message: error.message, at });
  await store.db.transaction().execute(async (trx) => {
    const node = await trx
      .updateTable('nodes')
      .set({ refused })
      .where('id', '=', id)
      .where('deleted_at', 'is', null)
      .returning('name')
      .executeTakeFirst();
    if (node !== undefined) await announce(trx, { type: 'node', name: node.name });
  });
}
