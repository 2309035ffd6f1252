import type { Io } from '../io.ts';
import { wantsColor } from '../io.ts';
import { painter } from '../output/paint.ts';
import { LineCutter } from './prefix-lines.ts';

// biome-ignore lint/suspicious/noControlCharactersInRegex: a sliver may not drive the terminal of who looks at many of them
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g;

/** Writes what many slivers write, line by line, each with the name of its node in front. */
export function createPrefixer(io: Io, nodes: readonly string[]) {
  const width = Math.max(0, ...nodes.map((node) => node.length));
  const paint = painter(wantsColor(io, io.stdout));
  const cutters = new Map<string, { node: string; stream: 'stdout' | 'stderr'; cutter: LineCutter }>();
  const print = (node: string, stream: 'stdout' | 'stderr', lines: readonly string[]) => {
    const output = io[stream];
    for (const line of lines) {
      const text = output.isTTY === true ? line.replace(CONTROL, '') : line;
      output.write(`${paint('cyan', node.padEnd(width))} | ${text}\n`);
    }
  };
  return {
    write(node: string, stream: 'stdout' | 'stderr', chunk: Uint8Array): void {
      const name = `${stream}:${node}`;
      const known = cutters.get(name) ?? { node, stream, cutter: new LineCutter() };
      cutters.set(name, known);
      print(node, stream, known.cutter.push(chunk));
    },
    /** Writes the last lines of those that ended without an end of line. */
    end(): void {
      for (const { node, stream, cutter } of cutters.values()) print(node, stream, cutter.end());
    },
  };
}
