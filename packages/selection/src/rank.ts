import type { NodeName } from '@planetlab/model';

/**
 * The lot that a node draws: a hash of seed and name, so that it depends on nothing else, such as the order of a list.
 * FNV-1a over the name, then the finalizer of MurmurHash3, which spreads neighbouring seeds.
 */
export function lotOf(seed: number, node: NodeName): number {
  let hash = (0x811c9dc5 ^ seed) >>> 0;
  for (let index = 0; index < node.length; index++) {
    hash = Math.imul(hash ^ node.charCodeAt(index), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
