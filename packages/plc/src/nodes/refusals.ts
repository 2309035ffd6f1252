import { X509Certificate } from 'node:crypto';
import { hashSecret, readNodeCertificate } from '@planetlab/credentials';
import { isPlanetLabError, type NodeId, PlanetLabError, toInstant } from '@planetlab/model';
import { sql } from 'kysely';
import { announce } from '../events/record.ts';
import type { Store } from '../store/store.ts';
import { liveUplinks } from './live-uplinks.ts';

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

/** Notes that a node, known by its certificate, has opened a connection and broken it off before it spoke. */
export async function noteBrokenOff(store: Store, node: NodeId): Promise<void> {
  const message =
    'It broke the connection off before it spoke. It does not trust the certificate that it was shown, or its clock is wrong, or something on the way breaks connections; on the machine, "pl-node status" says which.';
  await note(store, node, new PlanetLabError('node_unreachable', message));
}

/**
 * Notes a TLS handshake that failed before there was a certificate, for the one node that has the address and is not
 * connected. Where there are several behind an address nobody knows which it was.
 */
export async function noteFailedHandshake(store: Store, address: string): Promise<void> {
  const rows = await store.db
    .selectFrom('nodes')
    .select('id')
    .where('deleted_at', 'is', null)
    .where(sql<boolean>`(addresses @> ${JSON.stringify([address])}::jsonb
      or interfaces @> ${JSON.stringify([{ address }])}::jsonb)`)
    .where('id', 'not in', liveUplinks(store.db, store.now()).clearSelect().select('uplinks.node_id'))
    .limit(2)
    .execute();
  const [only] = rows;
  if (only === undefined || rows.length > 1) return;
  const message = `From its address ${address} came a connection that ended in the TLS handshake: it does not trust the certificate that it was shown, its clock is wrong, or something on the way breaks connections; on the machine, "pl-node status" says which.`;
  await note(store, only.id, new PlanetLabError('node_unreachable', message));
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
