import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { withClient } from '../session/client.ts';

export function registerSliceLife(slice: Command, io: Io): void {
  leaf(
    slice.command('suspend <name>').requiredOption('--reason <text>', 'why, for its people'),
    io,
    {
      summary: 'stop all slivers of a slice, with their disks kept, and make no new ones',
      example: 'pl slice suspend princeton_codeen --reason "It scans ports"',
    },
    (invocation, name: string, { reason }: { reason: string }) =>
      withClient(invocation, async ({ client }) => {
        const changed = await client.suspendSlice({ params: { slice: name }, body: { reason } });
        invocation.print.done(changed, `Slice ${name} is suspended; its slivers keep their disks.`);
        invocation.print.note(`Let it run again with: pl slice resume ${name}`);
      }),
  );
  leaf(
    slice.command('resume <name>'),
    io,
    { summary: 'let a suspended slice run again', example: 'pl slice resume princeton_codeen' },
    (invocation, name: string) =>
      withClient(invocation, async ({ client }) => {
        const changed = await client.resumeSlice({ params: { slice: name } });
        const [other] = changed.suspensions;
        const sentence =
          other === undefined ? `Slice ${name} runs again.` : `Slice ${name} stays suspended: ${other.reason}.`;
        invocation.print.done(changed, sentence);
      }),
  );
}
