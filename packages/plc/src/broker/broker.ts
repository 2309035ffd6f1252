import { messageOf, type NodeId, Principal } from '@planetlab/model';
import type { Logger } from 'pino';
import type { Authority } from '../authority/authority.ts';
import type { ChangeFeed } from '../changes/change-feed.ts';
import type { Announcement } from '../events/record.ts';
import { createCertificateKeeper } from '../nodes/renew-certificate.ts';
import type { Db } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { credentialSource, nodeClient } from '../uplinks/node-client.ts';
import type { Uplink } from '../uplinks/uplink.ts';
import { runInSliver } from './initial-command.ts';
import { NodeSession, type NodeSessionOptions } from './node-session.ts';
import { createSliverChanges } from './sliver-changes.ts';

/** The default broker: one of several there may be (P6); it asks nodes as every other does. */
export interface Broker extends Disposable {
  /** Works on a node from now on until its uplink closes. */
  open(uplink: Uplink): void;
}

export interface BrokerOptions {
  readonly store: Store;
  readonly authority: Authority;
  readonly feed: ChangeFeed;
  readonly leaseMs: number;
  readonly log: Logger;
  readonly countOutcome: NodeSessionOptions['countOutcome'];
}

export function createBroker(options: BrokerOptions): Broker {
  const { store, authority, log } = options;
  const sessions = new Map<NodeId, NodeSession>();
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
      const node = change.name.slice(change.name.indexOf('@') + 1);
      for (const session of sessions.values()) if (session.nodeName === node) session.wake();
      return;
    }
    nodesOf(store.db, change).then(
      (nodes) => {
        for (const node of nodes) sessions.get(node)?.wake();
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
        ...{ store: brokerStore, log, uplink },
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
      void session.run().then(() => {
        if (sessions.get(nodeId) === session) sessions.delete(nodeId);
      });
    },
    [Symbol.dispose]: unsubscribe,
  };
}

/** The nodes where something may have to be done after a change. */
async function nodesOf(db: Db, change: Announcement): Promise<NodeId[]> {
  // The names in changes are compared only: whatever they are, they come from our own transactions.
  const name = change.name as never;
  switch (change.type) {
    case 'site':
    case 'operation':
    case 'node': // told by their names
    case 'sliver':
    case 'announcement':
      return [];
    case 'slice': {
      const rows = db.selectFrom('slivers').select('node_id').distinct().where('slice', '=', name);
      return (await rows.execute()).map(({ node_id }) => node_id);
    }
    case 'person': {
      const rows = await db
        .selectFrom('slivers')
        .innerJoin('slice_persons', 'slice_persons.slice_id', 'slivers.slice_id')
        .select('slivers.node_id')
        .distinct()
        .where('slice_persons.person', '=', name)
        .execute();
      return rows.map(({ node_id }) => node_id);
    }
  }
}
