import type { joinRoutes, RouteInput } from '@planetlab/contract';
import { type AuthorityIdentity, hashSecret, issueNodeCertificate, type NodeCertificate } from '@planetlab/credentials';
import {
  formatDuration,
  formatTime,
  fromInstant,
  MINUTE_MS,
  type NodeId,
  type NodeName,
  PlanetLabError,
  Principal,
  type Thumbprint,
} from '@planetlab/model';
import { record } from '../events/record.ts';
import type { Trx } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

/** How far a joining machine's clock may be off. */
export const JOIN_SKEW_MS = 5 * MINUTE_MS;

/** What is stored of a join token, with the node it is for. */
export interface StoredJoinToken {
  readonly node: NodeName;
  readonly expiresAt: Date;
  readonly usedAt: Date | null;
  readonly voidedAt: Date | null;
  /** Of the key that joined last as this node. */
  readonly keyThumbprint: Thumbprint | null;
}

/** Whether a machine may join. Throws `join_token_invalid`, `join_token_used`, `join_token_expired`, `node_name_taken`. */
export function checkJoinToken(
  token: StoredJoinToken | undefined,
  asked: { readonly node: NodeName; readonly nodeHasJoined: boolean; readonly key: Thumbprint },
  now: Date,
): asserts token is StoredJoinToken {
  const fail = (code: 'join_token_invalid' | 'join_token_used' | 'join_token_expired', why: string) =>
    new PlanetLabError(code, `${why} Ask for a new one: pl node invite ${asked.node}`);
  if (token === undefined) throw fail('join_token_invalid', 'This authority does not know this join token.');
  if (token.node !== asked.node) {
    if (!asked.nodeHasJoined) throw fail('join_token_invalid', `This join token is for the node "${token.node}".`);
    throw new PlanetLabError(
      'node_name_taken',
      `Another machine is the node "${asked.node}", and this join token is for "${token.node}". Join under that name, or invite "${asked.node}" anew to replace its machine.`,
    );
  }
  if (token.voidedAt !== null) throw fail('join_token_invalid', 'A newer join token has replaced this one.');
  // The same machine once more: its first answer was lost on the way.
  if (token.usedAt !== null && token.keyThumbprint === asked.key) return;
  if (token.usedAt !== null) throw fail('join_token_used', 'This join token was used already, by another machine.');
  if (token.expiresAt > now) return;
  throw fail('join_token_expired', `This join token expired at ${formatTime(token.expiresAt)}.`);
}

/** Throws `clock_skew`: with a wrong clock no certificate and no lease would hold. */
export function checkClock(nodeClock: Date, now: Date): void {
  const aheadMs = nodeClock.getTime() - now.getTime();
  if (Math.abs(aheadMs) <= JOIN_SKEW_MS) return;
  throw new PlanetLabError(
    'clock_skew',
    `This machine's clock is ${formatDuration(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'} the authority's; ${formatDuration(JOIN_SKEW_MS)} is the most. Set it right (timedatectl set-ntp true) and join again: the token is still good.`,
    { details: { aheadMs, authorityClock: now.toISOString() } },
  );
}

/**
 * Certifies a machine as a registered node. Of the addresses it claims only the one it was seen under gets into the
 * certificate: the others are its word alone.
 */
export async function joinNode(
  store: Store,
  authority: AuthorityIdentity,
  request: RouteInput<typeof joinRoutes.join>['body'],
  seenAddress: string,
): Promise<{ nodeId: NodeId; certificate: NodeCertificate }> {
  const now = store.now();
  checkClock(new Date(fromInstant(request.clock)), now);
  return store.db.transaction().execute(async (trx) => {
    const row = await lockToken(trx, request.secret);
    const sameName = await trx
      .selectFrom('nodes')
      .select('joined_at')
      .where('name', '=', request.node)
      .where('deleted_at', 'is', null)
      .executeTakeFirst();
    const nodeHasJoined = sameName?.joined_at != null;
    if (row === undefined) checkJoinToken(row, { node: request.node, nodeHasJoined, key: '' as Thumbprint }, now);
    const certificate = await issueNodeCertificate(
      authority,
      {
        csrPem: request.certificateRequest,
        nodeId: row.node_id,
        nodeName: row.name,
        addresses: request.addresses.filter((address) => address === seenAddress),
      },
      now.getTime(),
    );
    const key = certificate.key.thumbprint;
    checkJoinToken(tokenOf(row), { node: request.node, nodeHasJoined, key }, now);
    await storeJoin(trx, row, { key, endsMs: certificate.expiresAtMs, addresses: request.addresses }, now);
    return { nodeId: row.node_id, certificate };
  });
}

type TokenRow = NonNullable<Awaited<ReturnType<typeof lockToken>>>;

const lockToken = (trx: Trx, secret: string) =>
  trx
    .selectFrom('join_tokens')
    .innerJoin('nodes', 'nodes.id', 'join_tokens.node_id')
    .select(['hash', 'node_id', 'expires_at', 'used_at', 'voided_at', 'name', 'site', 'key_thumbprint', 'run_level'])
    .where('hash', '=', hashSecret(secret))
    .forUpdate()
    .executeTakeFirst();

const tokenOf = (row: TokenRow): StoredJoinToken => ({
  node: row.name,
  expiresAt: row.expires_at,
  usedAt: row.used_at,
  voidedAt: row.voided_at,
  keyThumbprint: row.key_thumbprint,
});

interface JoinedMachine {
  readonly key: Thumbprint;
  /** Of its certificate. */
  readonly endsMs: number;
  readonly addresses: readonly string[];
}

async function storeJoin(trx: Trx, row: TokenRow, { key, endsMs, addresses }: JoinedMachine, now: Date): Promise<void> {
  const reinstalled = row.run_level === 'reinstall';
  await trx.updateTable('join_tokens').set({ used_at: now }).where('hash', '=', row.hash).execute();
  await trx
    .updateTable('nodes')
    .set({ key_thumbprint: key, joined_at: now, addresses: JSON.stringify(addresses), refused: null })
    .set({ certificate_expires_at: new Date(endsMs) })
    // set up anew, as it was to be
    .$if(reinstalled, (update) => update.set({ run_level: 'boot', run_level_decision: null }))
    .where('id', '=', row.node_id)
    .execute();
  await record(
    trx,
    {
      at: now,
      actor: Principal.parse(`node:${row.name}`),
      kind: 'node.joined',
      subject: row.name,
      site: row.site,
      before: { key: row.key_thumbprint },
      after: { key, addresses, ...(reinstalled ? { runLevel: 'boot' } : {}) },
    },
    { type: 'node', name: row.name },
  );
}
