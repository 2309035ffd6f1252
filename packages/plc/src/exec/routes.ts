import type { ClientHttp2Stream } from 'node:http2';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { EXEC_CONTENT_TYPE, fillPath, nodeRoutes, plcRoutes, problemToError } from '@planetlab/contract';
import { openHttp2Stream } from '@planetlab/contract/http2';
import type { App, HandlerContext } from '@planetlab/contract/server';
import type { SliceName } from '@planetlab/model';
import { type Actor, mayRunIn, requireAllowed } from '../access/rules.ts';
import type { Authority } from '../authority/authority.ts';
import type { ServePerson } from '../sessions/authenticate.ts';
import { findSlice } from '../slices/store.ts';
import { findWantedSliver } from '../slivers/store.ts';
import type { Store } from '../store/store.ts';
import { credentialSource } from '../uplinks/node-client.ts';
import { type NodeLink, reachNode, type UplinkFinder } from '../uplinks/reach.ts';
import { type StillAllowedOptions, stillAllowed } from './still-allowed.ts';

export interface ExecRoutesOptions extends StillAllowedOptions {
  readonly authority: Authority;
  readonly uplinks: UplinkFinder;
}

/** Passes exec streams on to nodes, in the person's name: the node's log says who it was. */
export function serveExec(app: App, serve: ServePerson, options: ExecRoutesOptions): void {
  const { store, authority } = options;
  serve(app, plcRoutes.exec, async (actor, { params }, context) => {
    const slice = await findSlice(store.db, params.slice, store.now());
    requireAllowed(
      mayRunIn(actor, slice),
      `Only people of the slice ${slice.name} and admins may run programs in it. A PI of the site "${slice.site}" can add you.`,
    );
    const { nodeId } = await findWantedSliver(store.db, slice, params.node);
    const link = await reachNode(options, params.node, nodeId);
    const path = fillPath(nodeRoutes.exec.path, { slice: slice.name });
    const headers = personHeaders(authority, store, actor, slice.name, path);
    using allowed = stillAllowed(options, context.request, actor, slice.name);
    const signal = AbortSignal.any([context.signal, allowed.signal]);
    await passOn({ ...context, signal }, link, path, { ...headers, 'content-type': EXEC_CONTENT_TYPE });
  });
}

function personHeaders(authority: Authority, store: Store, actor: Actor, slice: SliceName, path: string) {
  const subject = { principal: actor.principal, slice, rights: ['exec'], key: authority.proxyKey } as const;
  return credentialSource(authority.identity, subject, () => store.now().getTime()).headers({ method: 'POST', path });
}

/** Bytes both ways, each side held back by the other; when one goes the other is stopped. */
async function passOn(
  { request, reply, signal }: HandlerContext,
  link: NodeLink,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<void> {
  const body = request.body as Readable; // the content type's parser hands the stream through
  const { stream, status, contentType } = await openHttp2Stream(
    link.session,
    { method: 'POST', path, headers: { ...link.headers, ...headers }, signal },
    // The node answers only after the first frame, so the caller's bytes flow before there is an answer.
    // No pipeline: it would break the caller's connection, and with it the answer, when a node refuses.
    (opened) => void body.on('error', () => opened.destroy()).pipe(opened),
  );
  if (status !== 200 || contentType !== EXEC_CONTENT_TYPE) throw problemToError(status, await startOf(stream));
  reply.hijack();
  reply.raw.writeHead(200, { 'content-type': EXEC_CONTENT_TYPE, 'cache-control': 'no-store' });
  reply.raw.flushHeaders(); // the program may be silent for long; the caller waits for these to send it input
  await pipeline(stream, reply.raw).catch(() => {
    // One side went away in the middle: the other learns it from its broken stream.
    stream.destroy();
    reply.raw.destroy();
  });
  stream.close(); // the program has ended, but not the half by which its caller may write: that would hold the stream open
}

/** A refusal is a few lines. A node is not trusted to keep to that, nor to choose what comes from this address. */
const REFUSAL_LIMIT_CHARACTERS = 65_536;

async function startOf(stream: ClientHttp2Stream): Promise<string> {
  let text = '';
  for await (const chunk of stream) {
    text += String(chunk);
    if (text.length > REFUSAL_LIMIT_CHARACTERS) break; // leaving the loop ends the stream
  }
  return text;
}
