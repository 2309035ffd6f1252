import { PlanetLabError } from '@planetlab/model';
import { z } from 'zod';
import { decodeBase64Url, encodeBase64Url } from './base64url.ts';
import type { KeyPair, PublicKey } from './keys.ts';
import { verifySignature } from './keys.ts';
import { parseStrictJson } from './strict-json.ts';

/** Longer texts are refused before anything in them is looked at. */
export const MAX_TOKEN_BYTES = 16 * 1024;

const ALGORITHM = 'EdDSA';

/** What a signed document is for. A document of one type is never taken for another. */
export type DocumentType = 'planetlab-slice-credential+jwt' | 'planetlab-lease+jwt' | 'dpop+jwt';

/** A document in JWS compact form (RFC 7515) whose parts decode, but whose signature has not been checked. */
export interface UnverifiedDocument {
  /** Everything in the header beside `alg` and `typ`. */
  readonly header: Readonly<Record<string, unknown>>;
  readonly claims: Readonly<Record<string, unknown>>;
  readonly signedBytes: Uint8Array;
  readonly signature: Uint8Array;
  /** The error for whatever is wrong with this document. */
  invalid(why: string): PlanetLabError;
}

export interface DocumentKind {
  readonly type: DocumentType;
  /** For messages: "slice credential", "lease", "proof of possession". */
  readonly what: string;
  /** The sentence that says what to do about one that is not valid. */
  readonly remedy: string;
  readonly errorCode: 'credential_invalid' | 'proof_invalid';
  /** Members that the header must have beside `alg` and `typ`; no others are accepted, `crit` in particular. */
  readonly extraHeaders: readonly string[];
}

export function signDocument(kind: DocumentKind, key: KeyPair, claims: object, extraHeader: object = {}): string {
  const header = encodeBase64Url(JSON.stringify({ alg: ALGORITHM, typ: kind.type, ...extraHeader }));
  const signed = `${header}.${encodeBase64Url(JSON.stringify(claims))}`;
  const token = `${signed}.${encodeBase64Url(key.sign(Buffer.from(signed)))}`;
  if (token.length > MAX_TOKEN_BYTES) throw new RangeError(`a ${kind.what} of ${token.length} bytes is too large`);
  return token;
}

/** Takes a document apart. Whatever it is given, it throws nothing but `kind.errorCode`. */
export function openDocument(kind: DocumentKind, token: string): UnverifiedDocument {
  const invalid = (why: string) =>
    new PlanetLabError(kind.errorCode, `This ${kind.what} is not valid: ${why}. ${kind.remedy}`);
  if (token.length > MAX_TOKEN_BYTES) throw invalid(`it is longer than ${MAX_TOKEN_BYTES} bytes`);
  const [headerText, claimsText, signatureText, ...rest] = token.split('.', 4);
  if (headerText === undefined || claimsText === undefined || signatureText === undefined || rest.length > 0) {
    throw invalid('it does not have the three parts of a signed document');
  }
  const headerBytes = decodeBase64Url(headerText);
  const claimsBytes = decodeBase64Url(claimsText);
  const signature = decodeBase64Url(signatureText);
  if (headerBytes === undefined || claimsBytes === undefined || signature === undefined) {
    throw invalid('a part of it is not base64url');
  }
  const header = parseStrictJson(headerBytes);
  const claims = parseStrictJson(claimsBytes);
  if (header === undefined || claims === undefined) throw invalid('a part of it is not a JSON object with unique keys');
  return {
    header: checkHeader(kind, header, invalid),
    claims,
    signedBytes: Buffer.from(`${headerText}.${claimsText}`),
    signature,
    invalid,
  };
}

/** The claims of a document that one of `keys` signed. Throws the document's own error. */
export function verifyDocument<T>(document: UnverifiedDocument, keys: readonly PublicKey[], schema: z.ZodType<T>): T {
  if (!keys.some((key) => verifySignature(key, document.signedBytes, document.signature))) {
    throw document.invalid('its signature does not match');
  }
  const result = schema.safeParse(document.claims);
  if (result.success) return result.data;
  const path = result.error.issues[0]?.path.join('.') ?? '';
  throw document.invalid(path === '' ? 'its claims are not the ones expected' : `its claim "${path}" is malformed`);
}

/**
 * A time in a document: seconds since 1970 (RFC 7519 NumericDate, which may have a fraction; ours have milliseconds),
 * read as milliseconds.
 */
export const NumericDate = z
  .number()
  .min(0)
  .max(253_402_300_799)
  .transform((seconds) => Math.round(seconds * 1000));

export const toNumericDate = (ms: number): number => Math.round(ms) / 1000;

function checkHeader(
  kind: DocumentKind,
  header: Record<string, unknown>,
  invalid: (why: string) => PlanetLabError,
): Record<string, unknown> {
  const { alg, typ, ...extra } = header;
  if (alg !== ALGORITHM) throw invalid(`its "alg" is not ${ALGORITHM}`);
  if (typ !== kind.type) throw invalid(`its "typ" is not ${kind.type}`);
  const names = Object.keys(extra);
  const expected =
    names.length === kind.extraHeaders.length && kind.extraHeaders.every((name) => Object.hasOwn(extra, name));
  if (!expected) throw invalid('its header has other members than it should');
  return extra;
}
