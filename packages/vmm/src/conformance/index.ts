/**
 * What every VMM driver promises, as tests that run over each of them.
 * It knows only the interface; how machines and their roots come about is the context's affair.
 */
import { describe } from 'vitest';
import type { MakeContext } from './context.ts';
import { describeExec } from './exec.ts';
import { describeLifecycle } from './lifecycle.ts';
import { describeTerminal } from './terminal.ts';

export type { MakeContext, VmmContext } from './context.ts';

/** Declares the whole suite for one driver. */
export function describeVmmConformance(name: string, makeContext: MakeContext): void {
  describe(`the VMM driver ${name}`, () => {
    describeLifecycle(makeContext);
    describeExec(makeContext);
    describeTerminal(makeContext);
  });
}
