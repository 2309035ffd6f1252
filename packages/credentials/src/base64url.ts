/** Encodes text (as UTF-8) or bytes without padding. */
export const encodeBase64Url = (data: string | Uint8Array): string => Buffer.from(data).toString('base64url');

/**
 * Decodes strictly: undefined unless `text` is exactly what `encodeBase64Url` makes of the result. Node's own decoder skips
 * foreign characters and ignores spare bits, so that many texts would stand for the same bytes.
 */
export function decodeBase64Url(text: string): Uint8Array | undefined {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}
