import type { Sliver } from '@planetlab/contract';
import { wantsColor } from '../io.ts';
import type { Invocation } from '../leaf.ts';
import { type Paint, painter, plainLine } from '../output/paint.ts';
import { reasonLine } from '../output/reasons.ts';
import { sliverState } from '../output/states.ts';
import { timeToRunning } from './columns.ts';
import { isSettled } from './wait.ts';

/** Shows slivers arriving, on standard error. */
export interface Progress {
  update(slivers: readonly Sliver[]): void;
  /** Leaves standard error clean for what comes next. */
  end(): void;
}

const SILENT: Progress = { update: () => {}, end: () => {} };

/** A block that redraws itself on a terminal, a line for each change of state elsewhere, nothing with `--json`. */
export function createProgress({ io, json }: Invocation): Progress {
  if (json) return SILENT;
  const paint = painter(wantsColor(io, io.stderr));
  if (io.stderr.isTTY !== true) return changesAsLines((line) => void io.stderr.write(`${line}\n`), paint);
  let drawn = 0;
  const clear = () => {
    if (drawn > 0) io.stderr.write(`\u001b[${drawn}A\u001b[J`);
    drawn = 0;
  };
  return {
    update(slivers) {
      const size = { rows: io.stderr.rows || 24, columns: io.stderr.columns || 80 };
      const lines = progressLines(slivers, size, paint);
      clear();
      io.stderr.write(lines.map((line) => `${line}\n`).join(''));
      drawn = lines.length;
    },
    end: clear,
  };
}

function changesAsLines(write: (line: string) => void, paint: Paint): Progress {
  const seen = new Map<string, string>();
  return {
    update(slivers) {
      for (const sliver of slivers) {
        if (seen.get(sliver.node) === sliver.state) continue;
        seen.set(sliver.node, sliver.state);
        write(sliverLine(sliver, 0, paint));
      }
    },
    end: () => {},
  };
}

/** What fits the terminal: a count, and the slivers, those that are still on their way first where there are too many. */
export function progressLines(
  slivers: readonly Sliver[],
  size: { readonly rows: number; readonly columns: number },
  paint: Paint,
): string[] {
  const most = Math.max(1, size.rows - 3);
  const shown =
    slivers.length <= most
      ? slivers
      : slivers.toSorted((a, b) => Number(isSettled(a)) - Number(isSettled(b))).slice(0, most);
  const width = Math.max(0, ...shown.map((sliver) => sliver.node.length));
  const running = slivers.filter((sliver) => sliver.state === 'running').length;
  const hidden = slivers.length - shown.length;
  return [
    ...shown.map((sliver) => sliverLine(sliver, width, paint, size.columns - 1)),
    `${running} of ${slivers.length} running${hidden === 0 ? '' : `, ${hidden} not shown`}`,
  ];
}

function sliverLine(sliver: Sliver, width: number, paint: Paint, columns?: number): string {
  const state = sliverState(sliver.state, true);
  const more = sliver.state === 'running' ? `in ${timeToRunning(sliver)}` : plainLine(reasonLine(sliver.reason));
  const before = `${sliver.node.padEnd(width)}  `;
  // One line each on a terminal, or redrawing would miscount; the table at the end has reasons in full.
  const room = columns === undefined ? more.length : Math.max(0, columns - before.length - state.text.length - 2);
  return `${before}${paint(state.color, state.text)}  ${more.slice(0, room)}`.trimEnd();
}
