import { NodeName, PersonEmail, SelectionRequest, SiteName, SliceName } from '@planetlab/model';
import { z } from 'zod';
import { DecisionReason } from './decisions.ts';
import { Operation } from './operation-types.ts';

/** What is decided of many things at once: `thing.verb`. To stop people is the kill switch. */
export const MassAction = z.enum([
  'node.drain',
  'node.undrain',
  'node.quarantine',
  'node.end-quarantine',
  'slice.suspend',
  'slice.resume',
  'person.stop',
  'person.let-go',
]);
export type MassAction = z.infer<typeof MassAction>;

const MOST_NAMES = 10_000;

/** Of slices: all that is given must hold. */
export const SliceFilter = z
  .object({
    names: z.array(SliceName).max(MOST_NAMES).nullable().default(null),
    site: SiteName.nullable().default(null),
    /** With a sliver on this node. */
    node: NodeName.nullable().default(null),
  })
  .strict();
export type SliceFilter = z.infer<typeof SliceFilter>;

/** Of people: all that is given must hold. Nobody decides of themselves. */
export const PersonFilter = z
  .object({
    emails: z.array(PersonEmail).max(MOST_NAMES).nullable().default(null),
    site: SiteName.nullable().default(null),
    /** In this slice. */
    slice: SliceName.nullable().default(null),
  })
  .strict();
export type PersonFilter = z.infer<typeof PersonFilter>;

/** Of `nodes`, `slices` and `persons` the one that the action is about. */
export const MassDecision = z
  .object({
    action: MassAction,
    reason: DecisionReason,
    nodes: SelectionRequest.nullable().default(null),
    slices: SliceFilter.nullable().default(null),
    persons: PersonFilter.nullable().default(null),
  })
  .strict();
export type MassDecision = z.infer<typeof MassDecision>;

export const MassPreview = z.object({
  action: MassAction,
  /** Names exactly this: it is applied with it, or not at all. */
  digest: z.string(),
  items: z.array(z.object({ subject: z.string(), effect: z.string() })),
});
export type MassPreview = z.infer<typeof MassPreview>;

export const AppliedDecision = z.object({ operation: Operation });
export const ApplyDecision = MassDecision.extend({ digest: z.string().max(100) });
