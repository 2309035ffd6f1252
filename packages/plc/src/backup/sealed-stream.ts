import { createCipheriv, createDecipheriv } from 'node:crypto';
import { PlanetLabError } from '@planetlab/model';

const CIPHER = 'aes-256-gcm';
export const CHUNK_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;

/**
 * Seals a stream in chunks, each under its number and whether it is the last: none can be changed, left out, moved or
 * cut off unnoticed (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015). The key is for one stream.
 */
export async function* seal(key: Buffer, plain: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let number = 0;
  for await (const { chunk, last } of inChunks(plain, CHUNK_BYTES)) {
    const cipher = createCipheriv(CIPHER, key, nonceOf(number++, last));
    yield Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()]);
  }
}

/** The inverse. Whatever comes out of it was sealed so; that it came to its end only the end says. Throws `malformed_request`. */
export async function* unseal(key: Buffer, sealed: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let number = 0;
  for await (const { chunk, last } of inChunks(sealed, CHUNK_BYTES + TAG_BYTES)) {
    if (chunk.length < TAG_BYTES) throw damaged();
    const decipher = createDecipheriv(CIPHER, key, nonceOf(number++, last), { authTagLength: TAG_BYTES });
    decipher.setAuthTag(chunk.subarray(-TAG_BYTES));
    try {
      yield Buffer.concat([decipher.update(chunk.subarray(0, -TAG_BYTES)), decipher.final()]);
    } catch (cause) {
      throw damaged(cause);
    }
  }
}

function nonceOf(number: number, last: boolean): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUIntBE(number, NONCE_BYTES - 7, 6);
  nonce[NONCE_BYTES - 1] = last ? 1 : 0;
  return nonce;
}

/** Pieces of one size, and a last one that may be shorter, or empty. */
async function* inChunks(
  source: AsyncIterable<Buffer>,
  bytes: number,
): AsyncGenerator<{ readonly chunk: Buffer; readonly last: boolean }> {
  let rest = Buffer.alloc(0);
  for await (const piece of source) {
    rest = Buffer.concat([rest, piece]);
    for (; rest.length > bytes; rest = rest.subarray(bytes)) yield { chunk: rest.subarray(0, bytes), last: false };
  }
  yield { chunk: rest, last: true };
}

const damaged = (cause?: unknown) =>
  new PlanetLabError(
    'malformed_request',
    'The backup cannot be opened: it is damaged or cut off, or the passphrase or key is not the one that it was made with.',
    { cause },
  );
