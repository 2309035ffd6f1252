import type { Announcement, AnnouncementLevel } from '@planetlab/contract';
import { useQuery } from '@tanstack/react-query';
import { useApi } from '../api/api.ts';
import { announcementsQuery } from '../api/queries.ts';
import { inFull } from '../parts/ago.ts';

interface AnnouncementsProps {
  readonly nowMs: number;
  readonly pollMs: number;
}

/** The gravest first. */
const LEVELS: readonly AnnouncementLevel[] = ['incident', 'maintenance', 'news'];
const TONES: Readonly<Record<AnnouncementLevel, string>> = { incident: 'bad', maintenance: 'warn', news: 'info' };

/** What the authority tells the reader, until it is over. */
export function Announcements({ nowMs, pollMs }: AnnouncementsProps) {
  const api = useApi();
  const { data } = useQuery({ ...announcementsQuery(api), refetchInterval: pollMs });
  const now = (data?.items ?? []).filter(({ endsAt }) => endsAt === null || Date.parse(endsAt) > nowMs);
  const byGravity = now.toSorted((a, b) => LEVELS.indexOf(a.level) - LEVELS.indexOf(b.level));
  return byGravity.map((announcement) => <Notice key={announcement.id} announcement={announcement} />);
}

const Notice = ({ announcement: { level, title, text, endsAt } }: { readonly announcement: Announcement }) => (
  <aside className="pl-notice" data-tone={TONES[level]} aria-label={`Announcement: ${level}`}>
    <p>
      <strong>{title}</strong> {text}
      {endsAt !== null && <> Expected to be over at {inFull(endsAt)}.</>}
    </p>
  </aside>
);
