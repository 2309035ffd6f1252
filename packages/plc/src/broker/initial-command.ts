import { fillPath, nodeRoutes } from '@planetlab/contract';
import { openExec, openHttp2Stream } from '@planetlab/contract/http2';
import { MINUTE_MS, Principal, type SliceName, sliverName } from '@planetlab/model';
import type { Authority } from '../authority/authority.ts';
import { record } from '../events/record.ts';
import type { Store } from '../store/store.ts';
import { credentialSource } from '../uplinks/node-client.ts';
import type { Uplink } from '../uplinks/uplink.ts';
import type { BrokerSliver, HeldLease, Reporter } from './types.ts';

/** Runs a command in a sliver to its end, without input; what it prints goes nowhere. Gives its exit code. */
export type RunInSliver = (slice: SliceName, argv: readonly string[], signal: AbortSignal) => Promise<number>;

/** With a credential for that one slice and for nothing but running programs. */
export const runInSliver =
  (uplink: Uplink, authority: Authority, nowMs: () => number): RunInSliver =>
  async (slice, argv, signal) => {
    const path = fillPath(nodeRoutes.exec.path, { slice });
    const principal = Principal.parse(`broker:${authority.identity.name}`);
    const subject = { principal, slice, rights: ['exec'], key: authority.brokerKey } as const;
    const credential = credentialSource(authority.identity, subject, nowMs).headers({ method: 'POST', path });
    const session = await openExec(
      (at, headers, firstBytes) =>
        openHttp2Stream(
          uplink.session,
          { method: 'POST', path: at, headers: { ...headers, ...credential }, signal },
          (stream) => void stream.write(firstBytes),
        ),
      path,
      { argv: [...argv] },
    );
    session.stdin.end();
    session.stdout.resume();
    session.stderr.resume();
    return (await session.exit).code;
  };

/** A command that takes longer is stopped, and is not run again. */
export const INITIAL_COMMAND_MS = 10 * MINUTE_MS;

/**
 * Runs the slice's initial command in a sliver and notes that it has. When the connection breaks before its end it is run
 * again: it must bear that.
 */
export async function initialise(
  context: { readonly store: Store; readonly node: Reporter; readonly run: RunInSliver; readonly closed: AbortSignal },
  sliver: BrokerSliver,
  lease: HeldLease,
): Promise<void> {
  const late = AbortSignal.timeout(INITIAL_COMMAND_MS);
  const argv = ['/bin/sh', '-c', sliver.initialCommand];
  const exitCode = await context.run(sliver.slice, argv, AbortSignal.any([late, context.closed])).catch((error) => {
    if (late.aborted) return null;
    throw error;
  });
  const at = context.store.now();
  const { nodeName } = context.node;
  await context.store.db.transaction().execute(async (trx) => {
    await trx.updateTable('slivers').set({ initialised_lease: lease.id }).where('id', '=', sliver.id).execute();
    const slice = await trx.selectFrom('slices').select('site').where('name', '=', sliver.slice).executeTakeFirst();
    const subject = sliverName(sliver.slice, nodeName);
    await record(trx, {
      at,
      actor: Principal.parse(`node:${nodeName}`),
      kind: 'sliver.initialised',
      subject,
      slice: sliver.slice,
      ...(slice === undefined ? {} : { site: slice.site }),
      after: { exitCode, stoppedLate: exitCode === null },
    });
  });
}
