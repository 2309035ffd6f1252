import type { LeaseRecord } from '@planetlab/contract';
import { LeaseId, toInstant } from '@planetlab/model';
import type { StoredLease } from '../store/store.ts';

/** The wire form of a lease. */
export const toLeaseRecord = ({ lease, token }: Pick<StoredLease, 'lease' | 'token'>): LeaseRecord => ({
  id: lease.id,
  slice: lease.slice,
  holder: lease.holder,
  principal: lease.principal,
  image: lease.image,
  resources: lease.resources,
  grantedAt: toInstant(lease.issuedAtMs),
  expiresAt: toInstant(lease.expiresAtMs),
  token,
  ...(lease.stopped === undefined ? {} : { stopped: lease.stopped }),
});

export const newLeaseId = (): LeaseId => LeaseId.parse(crypto.randomUUID());
