import type { NodeSite, Tags } from '@planetlab/contract';
import type { AuthorityName, NodeName, Place, SliceName } from '@planetlab/model';

/** Where a sliver's programs find what they are told of themselves. */
export const ABOUT_FOLDER = '/run/planetlab';
export const ABOUT_FILE = 'sliver.json';

/** What a sliver's programs are told of themselves. */
export interface About {
  readonly authority: AuthorityName;
  readonly slice: SliceName;
  readonly node: NodeName;
  readonly place: Place | null;
  /** Null until the authority has told it. */
  readonly site: NodeSite | null;
  /** Of the slice, as they are for this sliver. */
  readonly tags: Tags;
}

/** The file's text: the same for the same tags in any order. */
export function aboutText({ authority, slice, node, place, site, tags }: About): string {
  const sorted = Object.fromEntries(Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return `${JSON.stringify({ authority, slice, node, place, site, tags: sorted }, undefined, 2)}\n`;
}
