import { createHash } from 'node:crypto';
import { type Resources, resourcesText } from '@planetlab/model';
import type { LeaseRecord, NodeSliver } from '../node/types.ts';

/** What may change of a lease, and its name. */
export type KnownLease = Pick<LeaseRecord, 'id' | 'slice' | 'expiresAt' | 'resources' | 'stopped'>;

/** What a caller would act on in the report of a sliver. `noticedAt`: of its latest notice. */
export interface KnownSliver extends Pick<NodeSliver, 'slice' | 'leaseId' | 'state' | 'reason' | 'ipv4' | 'ipv6'> {
  readonly noticedAt: NodeSliver['since'] | null;
}

export const knownSliver = ({ slice, leaseId, state, reason, ipv4, ipv6, notices }: NodeSliver): KnownSliver => ({
  ...{ slice, leaseId, state, reason, ipv4, ipv6 },
  noticedAt: notices?.at(-1)?.at ?? null,
});

/** What a caller says that it knows of leases, or of slivers, so that a node need not list them: the same in any order. */
export const digestOfLeases = (leases: readonly KnownLease[]): string => digest(leases.map(leaseLine));
export const digestOfSlivers = (slivers: readonly KnownSliver[]): string => digest(slivers.map(sliverLine));

const leaseLine = ({ slice, id, expiresAt, resources, stopped }: KnownLease): string =>
  JSON.stringify([slice, id, expiresAt, textOf(resources), stopped ?? null]);

const sliverLine = ({ slice, leaseId, state, reason, ipv4, ipv6, noticedAt }: KnownSliver): string =>
  JSON.stringify([slice, leaseId, state, reason?.code ?? null, reason?.message ?? null, ipv4, ipv6, noticedAt]);

const digest = (lines: readonly string[]): string =>
  createHash('sha256').update(lines.toSorted().join('\n')).digest('base64url');

/** One object serves for many leases where there are very many. */
const texts = new WeakMap<Resources, string>();

function textOf(resources: Resources): string {
  const known = texts.get(resources);
  if (known !== undefined) return known;
  const text = resourcesText(resources);
  texts.set(resources, text);
  return text;
}
