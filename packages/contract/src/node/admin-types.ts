import { AuthorityName, Instant, NodeId, NodeName, PersonEmail, Principal, SliceName } from '@planetlab/model';
import { z } from 'zod';
import { NodeSliver } from './types.ts';

/** Why, in the administrator's own words. It is shown to the people concerned. */
export const AdminReason = z.string().trim().min(1).max(300);

/** What a ban is about: one slice (`site_name`), or every slice of an authority. */
export const BanSubject = z.union([SliceName, AuthorityName], 'a ban is about a slice or an authority');
export type BanSubject = z.infer<typeof BanSubject>;

/** Whoever is banned gets no lease here, and what had one has lost it. */
export const Ban = z.object({ subject: BanSubject, reason: AdminReason.nullable(), at: Instant });
export type Ban = z.infer<typeof Ban>;

/** A sliver that its node's administrator keeps stopped. What it has written is kept as long as its lease lasts. */
export const Stop = z.object({ slice: SliceName, reason: AdminReason.nullable(), at: Instant });
export type Stop = z.infer<typeof Stop>;

/** The node makes no new leases and renews none; what runs ends when its lease does. */
export const Drain = z.object({ reason: AdminReason.nullable(), at: Instant });
export type Drain = z.infer<typeof Drain>;

/** How the node is doing, as far as the machine itself can tell. */
export const AdminStatus = z.object({
  id: NodeId,
  name: NodeName,
  version: z.string(),
  startedAt: Instant,
  authority: AuthorityName,
  plcAddress: z.string(),
  /** Whether it is connected to its authority, and if not, why. */
  uplink: z.object({ state: z.enum(['connecting', 'connected', 'waiting']), reason: z.string().nullable() }),
  vmm: z.object({ detail: z.string(), simulated: z.boolean() }),
  slivers: z.object({ running: z.number().int(), others: z.number().int() }),
  drain: Drain.nullable(),
  bans: z.number().int(),
  stopped: z.number().int(),
});
export type AdminStatus = z.infer<typeof AdminStatus>;

/** What a sliver uses. `cpuMs` counts from the sliver's start. */
export const SliverUse = z.object({ cpuMs: z.number(), memoryMiB: z.number(), processes: z.number().int() });
export type SliverUse = z.infer<typeof SliverUse>;

/** A sliver with whom to ask about it: `people` may log in with a key of theirs. `use` is null while it does not run. */
export const AdminSliver = NodeSliver.extend({
  principal: Principal,
  authority: AuthorityName,
  people: z.array(PersonEmail),
  use: SliverUse.nullable(),
});
export type AdminSliver = z.infer<typeof AdminSliver>;
