import { type NodeSliver, nodeRoutes } from '@planetlab/contract';
import { type App, acceptExec, digestOfSlivers, knownSliver, sendEvents, serve } from '@planetlab/contract/server';
import { PlanetLabError, type SliceName } from '@planetlab/model';
import { asMachineId } from '@planetlab/vmm';
import { covers, requireSlice } from './authorise.ts';
import { type ApiContext, callerOf } from './context.ts';
import { createSlots } from './slots.ts';

/** Each is a process of the runtime and three pipes on the node, outside of what the sliver is charged for. */
export const EXECS_PER_SLIVER = 32;

/** Slivers: what there is, who may log in, and running programs in them. */
export function serveSlivers(app: App, context: ApiContext): void {
  const { directory, store } = context;

  serve(app, nodeRoutes.listSlivers, async (_input, call) => {
    const credential = callerOf(context, call, 'read');
    return { items: directory.list().filter(({ slice }) => covers(credential, slice)) };
  });

  serve(app, nodeRoutes.getSliver, async ({ params }, call) => {
    requireSlice(callerOf(context, call, 'read'), params.slice);
    return existing(context, params.slice);
  });

  serve(app, nodeRoutes.getUsage, async ({ params }, call) => {
    requireSlice(callerOf(context, call, 'read'), params.slice);
    return context.usage(existing(context, params.slice));
  });

  serve(app, nodeRoutes.watchSlivers, async ({ query: { known } }, call) => {
    const credential = callerOf(context, call, 'read');
    const isOwn = ({ slice }: NodeSliver) => store.sliver(slice)?.stored.lease.holder === credential.holder;
    const isKnown = (slivers: readonly NodeSliver[]) =>
      known !== undefined && digestOfSlivers(slivers.filter(isOwn).map(knownSliver)) === known;
    await sendEvents(
      call,
      directory.watch((slice) => covers(credential, slice), call.signal, isKnown),
    );
  });

  serve(app, nodeRoutes.setAccess, async ({ params, body }, call) => {
    requireSlice(callerOf(context, call, 'access'), params.slice);
    existing(context, params.slice);
    store.setAccess(params.slice, body.keys);
    context.accessChanged();
  });

  serve(app, nodeRoutes.setTags, async ({ params, body }, call) => {
    requireSlice(callerOf(context, call, 'lease'), params.slice);
    const row = store.sliver(params.slice);
    if (row === undefined) throw unknownSliver(context, params.slice);
    store.setTags(row, body.tags);
    context.sliverChanged(params.slice);
  });

  serve(app, nodeRoutes.listSteps, async ({ query }, call) => {
    const credential = callerOf(context, call, 'read');
    if (query.slice !== undefined) requireSlice(credential, query.slice);
    const own = credential.slice === '*' ? ('all' as const) : [credential.slice];
    const slices = query.slice === undefined ? own : [query.slice];
    const items = [...store.listSteps({ slices, limit: query.limit, before: query.before })];
    const last = items.length === query.limit ? items.at(-1) : undefined;
    return { items, next: last === undefined ? null : String(last.id) };
  });

  serveExec(app, context);
}

function serveExec(app: App, context: ApiContext): void {
  const { vmm, nodeName } = context;
  const execSlot = createSlots(EXECS_PER_SLIVER, 'programs run through the API');

  serve(app, nodeRoutes.exec, async ({ params }, call) => {
    requireSlice(callerOf(context, call, 'exec'), params.slice);
    const { state } = existing(context, params.slice);
    if (state !== 'running') {
      throw new PlanetLabError(
        'sliver_not_running',
        `${params.slice} is ${state} on ${nodeName}, so nothing can be run in it. Try again when it is running.`,
        { details: { state } },
      );
    }
    using _slot = execSlot(params.slice); // from the first byte on: a caller may take its time to say what to run
    const own = { PLANETLAB_SLICE: params.slice, PLANETLAB_NODE: nodeName };
    await acceptExec(call, ({ argv, env, workingDirectory, terminal }) =>
      vmm.exec(asMachineId(params.slice), {
        argv,
        env: { ...own, ...env },
        ...(workingDirectory === undefined ? {} : { workingDirectory }),
        ...(terminal === undefined ? {} : { terminal }),
      }),
    );
  });
}

/** Throws `unknown_sliver`. */
function existing(context: ApiContext, slice: SliceName): NodeSliver {
  const sliver = context.directory.get(slice);
  if (sliver !== undefined) return sliver;
  throw unknownSliver(context, slice);
}

const unknownSliver = ({ nodeName }: ApiContext, slice: SliceName): PlanetLabError =>
  new PlanetLabError('unknown_sliver', `${slice} has no sliver on ${nodeName}. Add the node to the slice first.`);
