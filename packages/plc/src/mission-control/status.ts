import type { StatusReport } from '@planetlab/contract';
import { NODE_STATES, type NodeState, type Place, type SiteName } from '@planetlab/model';
import { liveUplinks } from '../nodes/live-uplinks.ts';
import { nodeStateOf } from '../nodes/liveness.ts';
import type { Db } from '../store/schema.ts';
import type { Store } from '../store/store.ts';

/** Anybody may ask, as often as they like: the database is asked no more often than this. */
const FRESH_MS = 5000;
const MOST_ANNOUNCEMENTS = 20;

/** What anybody may know, read again when it is older than five seconds. */
export function createStatus(store: Store, authority: string): () => Promise<StatusReport> {
  let atMs = Number.NEGATIVE_INFINITY;
  let report: Promise<StatusReport> | undefined;
  return () => {
    const nowMs = store.now().getTime();
    if (report === undefined || Math.abs(nowMs - atMs) >= FRESH_MS) {
      atMs = nowMs;
      const asked = readStatus(store, authority);
      asked.catch(() => {
        if (report === asked) report = undefined; // the next one asks again
      });
      report = asked;
    }
    return report;
  };
}

async function readStatus({ db, now }: Store, authority: string): Promise<StatusReport> {
  const at = now();
  const [sites, nodes, slivers, announcements] = await Promise.all([
    db.selectFrom('sites').select(['name', 'title']).orderBy('title').execute(),
    readNodes(db, at),
    countSlivers(db, at),
    publicAnnouncements(db, at),
  ]);
  const bySite = Map.groupBy(nodes, ({ site }) => site);
  return {
    authority,
    at: at.toISOString(),
    nodes: countStates(nodes),
    ...slivers,
    sites: sites.map(({ name, title }) => {
      const own = bySite.get(name) ?? [];
      return { name, title, places: placesOf(own), nodes: countStates(own) };
    }),
    announcements,
  };
}

interface StatusNode {
  readonly site: SiteName;
  readonly place: Place | null;
  readonly state: NodeState;
}

async function readNodes(db: Db, at: Date): Promise<StatusNode[]> {
  const rows = await db
    .selectFrom('nodes')
    .leftJoin(liveUplinks(db, at).as('live'), 'live.node_id', 'nodes.id')
    .select(['nodes.name', 'nodes.site', 'nodes.place', 'nodes.joined_at', 'nodes.last_seen_at', 'live.heartbeat_at'])
    .where('nodes.deleted_at', 'is', null)
    .execute();
  return rows.map((row) => {
    const connected = row.heartbeat_at !== null;
    const liveness = {
      name: row.name,
      joinedAt: row.joined_at,
      lastSeenAt: row.last_seen_at,
      connected,
      trouble: null,
    };
    return { site: row.site, place: row.place, state: nodeStateOf(liveness).state };
  });
}

const countStates = (nodes: readonly StatusNode[]): StatusReport['nodes'] => {
  const counts = Object.keys(NODE_STATES).map((state) => [state, nodes.filter((node) => node.state === state).length]);
  return Object.fromEntries(counts) as StatusReport['nodes']; // every state is among them
};

/** Each once; of a node nothing else is said. */
const placesOf = (nodes: readonly StatusNode[]): Place[] => {
  const places = nodes.flatMap(({ place }) => (place === null ? [] : [place]));
  return [...new Map(places.map((place) => [`${place.city} ${place.country}`, place])).values()];
};

async function countSlivers(db: Db, at: Date): Promise<{ slices: number; running: number }> {
  const count = await db
    .selectNoFrom((eb) => [
      eb
        .selectFrom('slices')
        .select(eb.fn.countAll<number>().as('count'))
        .where('deleted_at', 'is', null)
        .where('expires_at', '>', at)
        .as('slices'),
      eb
        .selectFrom('slivers')
        .innerJoin(liveUplinks(db, at).as('live'), 'live.node_id', 'slivers.node_id')
        .select(eb.fn.countAll<number>().as('count'))
        .where('wanted', '=', true)
        .where('state', '=', 'running')
        .as('running'),
    ])
    .executeTakeFirstOrThrow();
  return { slices: Number(count.slices), running: Number(count.running) };
}

async function publicAnnouncements(db: Db, at: Date): Promise<StatusReport['announcements']> {
  const rows = await db
    .selectFrom('announcements')
    .select(['level', 'title', 'text', 'at', 'ends_at'])
    .where('public', '=', true)
    .where((eb) => eb.or([eb('ends_at', 'is', null), eb('ends_at', '>', at)]))
    .orderBy('id', 'desc')
    .limit(MOST_ANNOUNCEMENTS)
    .execute();
  return rows.map(({ ends_at, at: since, ...rest }) => ({
    ...rest,
    at: since.toISOString(),
    endsAt: ends_at?.toISOString() ?? null,
  }));
}
