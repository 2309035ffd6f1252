import { Instant, IpAddress, NodeName, PersonEmail, Place, Principal, SiteName, SliceName } from '@planetlab/model';
import { z } from 'zod';

/** What can be stopped at once. */
export const KillSwitchKind = z.enum(['slice', 'person', 'site']);
export type KillSwitchKind = z.infer<typeof KillSwitchKind>;

/**
 * In force until it is lifted. A slice: its slivers are stopped and keep their disks, and no new ones are made, nor under
 * its name. A person: tokens, sessions and keys are refused. A site: all its slices, and all its people but admins. A slice
 * all of whose people are stopped is stopped too.
 */
export const KillSwitch = z.object({
  kind: KillSwitchKind,
  name: z.string(),
  reason: z.string(),
  at: Instant,
  by: Principal,
});
export type KillSwitch = z.infer<typeof KillSwitch>;
export const NewKillSwitch = z.object({ reason: z.string().trim().min(1).max(300) }).strict();

/** `incident`: something is broken; `maintenance`: something will be; `news`: all else. */
export const AnnouncementLevel = z.enum(['news', 'maintenance', 'incident']);
export type AnnouncementLevel = z.infer<typeof AnnouncementLevel>;

/** Whom an announcement concerns; all when nothing is named. */
const about = {
  site: SiteName.nullable().default(null),
  slice: SliceName.nullable().default(null),
  /** The people of slices on this node, and of its site. */
  node: NodeName.nullable().default(null),
};

export const Announcement = z.object({
  id: z.number().int(),
  level: AnnouncementLevel,
  title: z.string(),
  text: z.string(),
  site: SiteName.nullable(),
  slice: SliceName.nullable(),
  node: NodeName.nullable(),
  /** Whether the public status page shows it. */
  public: z.boolean(),
  at: Instant,
  by: Principal,
  /** When it is over; null until somebody says so. */
  endsAt: Instant.nullable(),
});
export type Announcement = z.infer<typeof Announcement>;

export const NewAnnouncement = z
  .object({
    level: AnnouncementLevel.default('news'),
    title: z.string().trim().min(1).max(200),
    text: z.string().trim().max(5000).default(''),
    ...about,
    public: z.boolean().default(false),
    endsAt: Instant.nullable().default(null),
    mail: z.boolean().default(false).describe('Whether those whom it concerns get a mail'),
  })
  .strict()
  .refine(
    ({ site, slice, node }) => [site, slice, node].filter((name) => name !== null).length <= 1,
    'an announcement is about one site, slice or node, or about none of them',
  );
export type NewAnnouncement = z.infer<typeof NewAnnouncement>;

/** With `mailed`: how many people got a mail. */
export const MadeAnnouncement = Announcement.extend({ mailed: z.number().int() });

const NodeCounts = z.object({
  /** Known, and has not joined yet. */
  registered: z.number().int(),
  connected: z.number().int(),
  disconnected: z.number().int(),
});

/** What anybody may know of the authority: sums, sites and where they are, and announcements that are public. */
export const StatusReport = z.object({
  authority: z.string(),
  at: Instant,
  nodes: NodeCounts,
  slices: z.number().int(),
  running: z.number().int(),
  sites: z.array(z.object({ name: SiteName, title: z.string(), places: z.array(Place), nodes: NodeCounts })),
  announcements: z.array(Announcement.pick({ level: true, title: true, text: true, at: true, endsAt: true })),
});
export type StatusReport = z.infer<typeof StatusReport>;

/** What of the log of events is wanted; all that is given must hold. */
export const eventFilter = {
  subject: z.string().max(300).optional(),
  /** Who did it, or to whom it was done. */
  person: PersonEmail.optional(),
  slice: SliceName.optional(),
  node: NodeName.optional(),
  /** In what happened, or of a node in it. */
  address: IpAddress.optional(),
  since: Instant.optional(),
  until: Instant.optional(),
};
