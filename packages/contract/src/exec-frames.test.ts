import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type ExecFrame, ExecFrameDecoder, encodeExecFrame } from './exec-frames.ts';

const bytes = fc.uint8Array({ maxLength: 300 });
const frame: fc.Arbitrary<ExecFrame> = fc.oneof(
  fc.record({ type: fc.constantFrom('stdin' as const, 'stdout' as const, 'stderr' as const), data: bytes }),
  fc.record({
    type: fc.constant('start' as const),
    start: fc.record({ argv: fc.array(fc.string(), { minLength: 1, maxLength: 5 }) }),
  }),
  fc.record({ type: fc.constant('exit' as const), exit: fc.record({ code: fc.integer({ min: 0, max: 255 }) }) }),
);

describe('exec frames', () => {
  it('come out as they went in, however the bytes are cut', () => {
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 20 }), fc.integer({ min: 1, max: 64 }), (frames, cut) => {
        const all = Buffer.concat(frames.map(encodeExecFrame));
        const decoder = new ExecFrameDecoder();
        const decoded: ExecFrame[] = [];
        for (let at = 0; at < all.length; at += cut) decoded.push(...decoder.push(all.subarray(at, at + cut)));
        expect(decoded.map(normal)).toEqual(frames.map(normal));
      }),
    );
  });

  it('refuse a frame longer than a mebibyte before taking it into memory', () => {
    const header = new Uint8Array([1, 0xff, 0xff, 0xff, 0xff]);
    expect(() => [...new ExecFrameDecoder().push(header)]).toThrow(/the most is 1048576/);
  });

  it('refuse an unknown type and a malformed start', () => {
    expect(() => [...new ExecFrameDecoder().push(new Uint8Array([77, 0, 0, 0, 0]))]).toThrow(/unknown type 77/);
    expect(() => [...new ExecFrameDecoder().push(new Uint8Array([0, 0, 0, 0, 2, 123, 125]))]).toThrow(/malformed/);
  });
});

const normal = (f: ExecFrame) => ('data' in f ? { ...f, data: [...f.data] } : f);
