import type { NodeSite } from '@planetlab/contract';
import type { NodeId } from '@planetlab/model';
import { sql } from 'kysely';
import type { Db } from '../store/schema.ts';
import { together } from '../store/together.ts';

const SITES_TOGETHER = 250;

/** What a node is told of its site, read for many nodes at once; undefined for one that is not known. */
export const createSiteReader = (db: Db): ((node: NodeId) => Promise<NodeSite | undefined>) =>
  together(SITES_TOGETHER, async (batch: readonly NodeId[]) => {
    const rows = await db
      .selectFrom('nodes')
      .innerJoin('sites', 'sites.name', 'nodes.site')
      .select(['nodes.id', 'sites.name', 'sites.title', 'sites.place'])
      .where(sql<boolean>`nodes.id = any(${batch}::uuid[])`)
      .execute();
    const sites = new Map(rows.map(({ id, ...site }) => [id, site]));
    return batch.map((node) => sites.get(node));
  });
