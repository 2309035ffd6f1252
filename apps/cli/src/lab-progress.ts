import type { LabProgress } from '@planetlab/lab';
import { wantsColor } from './io.ts';
import type { Invocation } from './leaf.ts';
import { painter, plainLine } from './output/paint.ts';

/** Shows on standard error what a lab is doing: a line for each step, and on a terminal one line that changes within it. */
export function createLabProgress({ io, json }: Invocation): { report(progress: LabProgress): void; end(): void } {
  if (json) return { report: () => {}, end: () => {} };
  const terminal = io.stderr.isTTY === true;
  const paint = painter(wantsColor(io, io.stderr));
  const clear = () => {
    if (terminal) io.stderr.write('\r\u001b[K');
  };
  const passing = (text: string) => {
    if (!terminal) return;
    clear();
    io.stderr.write(paint('dim', `  ${plainLine(text)}`.slice(0, (io.stderr.columns || 80) - 1)));
  };
  return {
    report(progress) {
      if (progress.kind === 'detail') return passing(progress.text);
      if (progress.kind === 'slivers') return passing(sliversLine(progress.slivers));
      clear();
      const text = plainLine(progress.text);
      io.stderr.write(progress.kind === 'step' ? `· ${text}\n` : `${banner(text, paint)}\n`);
    },
    end: clear,
  };
}

type Slivers = Extract<LabProgress, { kind: 'slivers' }>['slivers'];

const sliversLine = (slivers: Slivers): string =>
  `${slivers.filter((sliver) => sliver.state === 'running').length} of ${slivers.length} slivers running`;

const banner = (text: string, paint: ReturnType<typeof painter>): string => {
  const rule = '='.repeat(72);
  return paint('yellow', `${rule}\n${text}\n${rule}`);
};
