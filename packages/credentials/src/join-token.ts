import { createHash, randomBytes } from 'node:crypto';
import { NodeName, PlanetLabError } from '@planetlab/model';
import { z } from 'zod';
import { decodeBase64Url, encodeBase64Url } from './base64url.ts';
import { parseStrictJson } from './strict-json.ts';

const PREFIX = 'pljoin_';
const MAX_CHARACTERS = 4096;
const SECRET_BYTES = 32;
const MAX_ADDRESSES = 8;

/** What the one printed command that joins a node carries. Single use and expiring: the PLC sees to both. */
export interface JoinToken {
  /** `host:port` of the PLC's listener for nodes; IPv6 in brackets. Of several processes up to 8, with commas between. */
  readonly address: string;
  /** SHA-256 of the authority's CA certificate (DER), 64 hex digits: the node trusts nothing else on first contact. */
  readonly fingerprint: string;
  readonly node: NodeName;
  /** From `newSecret`. */
  readonly secret: string;
  readonly expiresAtMs: number;
}

const Token = z.strictObject({
  address: z
    .string()
    .max(MAX_ADDRESSES * 300)
    .refine((addresses) => addresses.split(',').length <= MAX_ADDRESSES && addresses.split(',').every(isAddress)),
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  node: NodeName,
  secret: z.string().refine((text) => decodeBase64Url(text)?.length === SECRET_BYTES),
  expiresAtMs: z.number().int().min(0).max(Number.MAX_SAFE_INTEGER),
});

const isAddress = (address: string): boolean =>
  address.length <= 300 &&
  /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):\d{1,5}$/.test(address) &&
  isPort(Number(address.slice(address.lastIndexOf(':') + 1)));

const isPort = (port: number): boolean => port >= 1 && port <= 65_535;

/** The text form: `pljoin_` and base64url of JSON, without characters that a shell or a line break would touch. */
export function formatJoinToken(token: JoinToken): string {
  return PREFIX + encodeBase64Url(JSON.stringify(Token.parse(token)));
}

/** Reads a pasted token; white space around it does not matter. Its expiry is not checked. Throws `join_token_invalid`. */
export function parseJoinToken(text: string): JoinToken {
  const token = text.length <= MAX_CHARACTERS ? text.trim() : '';
  const bytes = token.startsWith(PREFIX) ? decodeBase64Url(token.slice(PREFIX.length)) : undefined;
  const result = Token.safeParse(bytes === undefined ? undefined : parseStrictJson(bytes));
  if (result.success) return result.data;
  throw new PlanetLabError(
    'join_token_invalid',
    `This is not a join token. Copy the whole of it, from "${PREFIX}" on, as the authority printed it, or ask for a new one.`,
  );
}

/** 32 random bytes in base64url. */
export const newSecret = (): string => randomBytes(SECRET_BYTES).toString('base64url');

/**
 * SHA-256 in hex: what is stored instead of a secret. Enough for secrets of 256 random bits; not for passwords, which
 * people choose.
 */
export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex');
