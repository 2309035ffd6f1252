import type { Sliver } from '@planetlab/contract';
import { SLIVER_STATES } from '@planetlab/model';
import { leaf } from '../leaf.ts';
import type { Field, View } from '../output/printer.ts';
import { faultOf, reasonLine } from '../output/reasons.ts';
import { sliverState } from '../output/states.ts';
import { fullTime, relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { allPages, withClient } from '../session/client.ts';
import { SLIVER_COLUMNS, timeToRunning } from '../slivers/columns.ts';
import { findSliver, sliverTarget } from '../slivers/target.ts';
import { usageFields, usageOf } from '../slivers/usage.ts';

export const register: Register = (command, io) => {
  leaf(
    command
      .command('list')
      .option('--slice <slice>', 'only of this slice')
      .option('--node <node>', 'only on this node'),
    io,
    { summary: 'slivers you may see', example: 'pl sliver list --slice princeton_codeen' },
    (invocation, { slice, node }: { slice?: string; node?: string }) =>
      withClient(invocation, async ({ client }) => {
        const slivers = await allPages((after) => client.listSlivers({ query: { slice, node, after } }));
        invocation.print.list(
          slivers,
          SLIVER_COLUMNS,
          'There are no slivers. `pl slice add-node` puts a slice on nodes.',
        );
      }),
  );
  leaf(
    command.command('show <slice@node>'),
    io,
    { summary: 'one sliver, and why it does not run', example: 'pl sliver show princeton_codeen@planetlab1.eth' },
    (invocation, target: string) =>
      withClient(invocation, async (plc) => {
        const sliver = await findSliver(plc, sliverTarget(target));
        const usage = sliver.state === 'running' ? await usageOf(plc, sliver) : undefined;
        const fields = [
          ...sliverFields(sliver, invocation.print.view),
          ...(usage === undefined ? [] : usageFields(usage)),
        ];
        invocation.print.record({ ...sliver, ...(usage === undefined ? {} : { usage }) }, fields);
      }),
  );
};

function sliverFields(sliver: Sliver, view: View): readonly Field[] {
  const { reason, ssh } = sliver;
  const fault = reason === null ? '' : faultOf(reason.code);
  return [
    ['Slice', sliver.slice],
    ['Node', sliver.node],
    ['State', sliverState(sliver.state, view.symbols)],
    ['Meaning', SLIVER_STATES[sliver.state].meaning],
    ['Reason', reason === null ? undefined : reasonLine(reason)],
    ['Whose fault', fault === '' ? undefined : fault],
    ['Since', relativeTime(sliver.since, view.nowMs)],
    ['Requested', relativeTime(sliver.requestedAt, view.nowMs)],
    ['Time to running', sliver.timeToRunningMs === null ? undefined : timeToRunning(sliver)],
    ['IPv4', sliver.ipv4 ?? undefined],
    ['IPv6', sliver.ipv6 ?? undefined],
    ['Lease ends', sliver.leaseExpiresAt === null ? undefined : fullTime(sliver.leaseExpiresAt, view.nowMs)],
    ['SSH', ssh === null ? undefined : `ssh -p ${ssh.port} ${sliver.slice}@${ssh.host}`],
  ];
}
