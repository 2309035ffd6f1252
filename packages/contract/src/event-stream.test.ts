import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeEvents, encodeEvent, encodeHeartbeat } from './event-stream.ts';

async function* cut(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

describe('server-sent events', () => {
  it('come out as they went in, with heartbeats between them, however the bytes are cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.jsonValue(), { maxLength: 10 }),
        fc.integer({ min: 1, max: 50 }),
        async (values, size) => {
          const text = values.map((value) => encodeHeartbeat() + encodeEvent(value)).join('');
          const seen = await Array.fromAsync(decodeEvents(cut(text, size)));
          expect(seen).toEqual(values.map((value) => JSON.stringify(value)));
        },
      ),
    );
  });
});
