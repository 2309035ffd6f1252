import { z } from 'zod';

/** Identifiers made by machines. Opaque: never parsed for meaning. */
const id = <B extends string>(what: string) => z.uuid(`${what} is a UUID`).brand<B>();

export const NodeId = id<'NodeId'>('a node id');
export type NodeId = z.infer<typeof NodeId>;

export const LeaseId = id<'LeaseId'>('a lease id');
export type LeaseId = z.infer<typeof LeaseId>;

/** Name of an authority, for example `planetlab` or `plc.example.org`. */
export const AuthorityName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9.-]{0,62}$/, 'an authority name is like a host name')
  .brand<'AuthorityName'>();
export type AuthorityName = z.infer<typeof AuthorityName>;

/** RFC 7638 thumbprint of a public key: base64url of a SHA-256, 43 characters. Names the holder of a key. */
export const Thumbprint = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'a key thumbprint is 43 base64url characters')
  .brand<'Thumbprint'>();
export type Thumbprint = z.infer<typeof Thumbprint>;

/**
 * Who acts, in words: `person:ada@example.org`, `broker:planetlab`, `service:monitor`.
 * Stands in credentials, leases and logs, so that every action leads back to a person (MISSION, principle 7).
 */
export const Principal = z
  .string()
  .max(300)
  .regex(/^(person|broker|service|node|operator):[^\s]+$/, 'a principal is kind:name')
  .brand<'Principal'>();
export type Principal = z.infer<typeof Principal>;

/** An address on the Internet, as people write it: IPv4 or IPv6. */
export const IpAddress = z.union(
  [z.ipv4(), z.ipv6()],
  'it has to be an IPv4 or IPv6 address, such as 192.0.2.7 or 2001:db8::7',
);
export type IpAddress = z.infer<typeof IpAddress>;

/** An instant on the wire: RFC 3339 in UTC with milliseconds. */
export const Instant = z.iso.datetime({ offset: true });
export type Instant = z.infer<typeof Instant>;

export const toInstant = (ms: number): Instant => new Date(ms).toISOString();
export const fromInstant = (instant: Instant): number => Date.parse(instant);
