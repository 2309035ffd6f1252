import { NodeSite } from '@planetlab/contract';
import { createApp } from '@planetlab/contract/server';
import { generateKeyPair, type Right, type SliceCredential } from '@planetlab/credentials';
import { AuthorityName } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { AUTHORITY, credentialOf, slice } from '../testing/fixtures.ts';
import type { ApiContext } from './context.ts';
import { serveNode } from './node-routes.ts';

const SITE = NodeSite.parse({ name: 'princeton', title: 'Princeton University', place: null });
const key = generateKeyPair();

/** The routes, with as much of a node manager as telling a site takes, asked under this credential. */
async function tellSite(credential: SliceCredential) {
  const told: (NodeSite | string)[] = [];
  const rights: Right[] = [];
  const context = {
    authorise: (_request: unknown, right: Right) => {
      rights.push(right);
      return credential;
    },
    authority: AUTHORITY,
    site: { current: () => null, set: (site: NodeSite) => void told.push(site) },
    store: { slivers: () => [{ slice: slice('a1_x') }, { slice: slice('b2_y') }] },
    sliverChanged: (name: string) => void told.push(name),
  };
  const app = createApp();
  serveNode(app, context as unknown as ApiContext); // the other routes are not asked
  const { statusCode } = await app.inject({ method: 'PUT', url: '/v1/node/site', payload: SITE });
  await app.close();
  return { statusCode, rights, told };
}

describe('the site of a node', () => {
  it('is told by the authority that the node joined, and every sliver is told', async () => {
    const { statusCode, rights, told } = await tellSite(credentialOf(key));
    expect(statusCode).toBe(204);
    expect(rights).toEqual(['lease']);
    expect(told).toEqual([SITE, 'a1_x', 'b2_y']);
  });

  it.each<[string, SliceCredential]>([
    ['who may act on one slice only', credentialOf(key, slice('a1_x'))],
    ['another authority', { ...credentialOf(key), authority: AuthorityName.parse('elsewhere') }],
  ])('is not told by %s', async (_who, credential) => {
    expect(await tellSite(credential)).toMatchObject({ statusCode: 403, told: [] });
  });
});
