import { Instant, NodeName, SiteName } from '@planetlab/model';
import { z } from 'zod';

/** Lower case with underscores, so that expressions over attributes can name it: `tags.rack`. */
export const TagKey = z
  .string()
  .regex(/^[a-z][a-z0-9_]{0,62}$/, 'a tag is a word in lower case with digits and underscores, such as "rack"');
export const TagValue = z.string().max(500);
/** Free attributes of a thing: key to value. */
export const Tags = z.record(TagKey, TagValue);
export type Tags = z.infer<typeof Tags>;

/** The most tags that one thing has of its own. */
export const TAGS_LIMIT = 64;

export const GroupName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9._-]{0,62}$/, 'the name of a group is in lower case, such as "reservable"')
  .brand<'GroupName'>();
export type GroupName = z.infer<typeof GroupName>;

/** Nodes that have something in common. Its tags are inherited by them; a node's own tag of the same key wins. */
export const NodeGroup = z.object({
  name: GroupName,
  /** Whose PIs and techs manage it, with nodes of their own; null for the authority's, with nodes of any site. */
  site: SiteName.nullable(),
  description: z.string(),
  tags: Tags,
  nodes: z.array(NodeName),
  createdAt: Instant,
});
export type NodeGroup = z.infer<typeof NodeGroup>;
export const NewNodeGroup = z
  .object({ name: GroupName, site: SiteName.nullable().default(null), description: z.string().max(500).default('') })
  .strict();

/** A tag of a slice: of the whole slice, of its slivers on the nodes of a group, or of one sliver. */
export const SliceTag = z.object({
  key: TagKey,
  value: TagValue,
  group: GroupName.nullable(),
  node: NodeName.nullable(),
});
export type SliceTag = z.infer<typeof SliceTag>;
