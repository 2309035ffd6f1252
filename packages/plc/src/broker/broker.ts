import { messageOf, type NodeId, Principal, type SliceName } from '@planetlab/model';
import type { Logger } from 'pino';
import type { Authority } from '../authority/authority.ts';
import type { ChangeFeed } from '../changes/change-feed.ts';
import type { Announcement } from '../events/record.ts';
import { createFactsStore } from '../nodes/facts-store.ts';
import { createCertificateKeeper } from '../nodes/renew-certificate.ts';
import { createSiteReader } from '../nodes/site-of-node.ts';
import type { Db } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import type { Arrivals } from '../uplinks/arrivals.ts';
import { credentialSource, nodeClient } from '../uplinks/node-client.ts';
import type { Uplink } from '../uplinks/uplink.ts';
import { runInSliver } from './initial-command.ts';
import { NodeSession, type NodeSessionOptions } from './node-session.ts';
import { createSliverChanges } from './sliver-changes.ts';
import { Turns } from './turns.ts';
import { createWantedReader } from './wanted-reader.ts';

/** The default broker: one of several there may be (P6); it asks nodes as every other does. */
export interface Broker extends Disposable {
  /** Works on a node from now on until its uplink closes. */
  open(uplink: Uplink): void;
}

export interface BrokerOptions {
  readonly store: Store;
  readonly authority: Authority;
  readonly feed: ChangeFeed;
  /** Who go first while they are many. */
  readonly arrivals: Arrivals;
  readonly leaseMs: number;
  readonly log: Logger;
  readonly countOutcome: NodeSessionOptions['countOutcome'];
}

export function createBroker(options: BrokerOptions): Broker {
  const { store, authority, log } = options;
  const sessions = new Map<NodeId, NodeSession>();
  const byName = new Map<string, NodeSession>();
  const wanted = createWantedReader(store.db);
  const turns = new Turns(options);
  const facts = createFactsStore(store);
  const readSite = createSiteReader(store.db);
  const brokerStore = { ...store, changes: createSliverChanges(store) };
  const credential = credentialSource(
    authority.identity,
    {
      principal: Principal.parse(`broker:${authority.identity.name}`),
      slice: '*',
      rights: ['read', 'lease', 'access'],
      key: authority.brokerKey,
    },
    () => store.now().getTime(),
  );
  const wakeAll = () => {
    for (const session of sessions.values()) session.wake();
  };
  const onChange = (change: Announcement): void => {
    if (change.fromNode === true || sessions.size === 0) return;
    if (change.type === 'sliver' || change.type === 'node') {
      const [slice, node = change.name] = change.name.split('@');
      byName.get(node)?.wake(change.type === 'sliver' ? (slice as SliceName) : undefined); // only compared
      return;
    }
    sliversOf(store.db, change).then(
      (slivers) => {
        for (const { node_id, slice } of slivers) sessions.get(node_id)?.wake(slice);
      },
      (error) => {
        log.warn({ error: messageOf(error) }, 'whom a change concerns is not known; looking at every node');
        wakeAll();
      },
    );
  };
  const unsubscribe = options.feed.subscribe(onChange, wakeAll);
  return {
    open(uplink) {
      const { nodeId } = uplink.node;
      const client = nodeClient(uplink, credential);
      const session = new NodeSession({
        ...{ store: brokerStore, wanted, facts, readSite, turns, log, uplink },
        client,
        run: runInSliver(uplink, authority, () => store.now().getTime()),
        certificates: createCertificateKeeper({
          store,
          authority: authority.identity,
          node: uplink.node,
          client,
          seenAddress: uplink.remoteAddress,
        }),
        holder: authority.brokerKey.publicKey.thumbprint,
        leaseMs: options.leaseMs,
        countOutcome: options.countOutcome,
      });
      sessions.set(nodeId, session);
      byName.set(session.nodeName, session);
      void session.run().then(() => {
        if (sessions.get(nodeId) === session) sessions.delete(nodeId);
        if (byName.get(session.nodeName) === session) byName.delete(session.nodeName);
      });
    },
    [Symbol.dispose]: unsubscribe,
  };
}

/** The slivers for which something may have to be done after a change. */
async function sliversOf(db: Db, change: Announcement): Promise<{ node_id: NodeId; slice: SliceName }[]> {
  // The names in changes are compared only: whatever they are, they come from our own transactions.
  const name = change.name as never;
  const slivers = db.selectFrom('slivers').select(['slivers.node_id', 'slivers.slice']).distinct();
  switch (change.type) {
    case 'site':
    case 'operation':
    case 'node': // told by their names
    case 'sliver':
    case 'announcement':
      return [];
    case 'slice':
      return slivers.where('slivers.slice', '=', name).execute();
    case 'person':
      return slivers
        .innerJoin('slice_persons', 'slice_persons.slice_id', 'slivers.slice_id')
        .where('slice_persons.person', '=', name)
        .execute();
  }
}
