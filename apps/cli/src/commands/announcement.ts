import { type Announcement, AnnouncementLevel } from '@planetlab/contract';
import { type Instant, toInstant } from '@planetlab/model';
import { type Command, Option } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { duration, instant, wholeNumber } from '../options.ts';
import type { Column } from '../output/printer.ts';
import { relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { allPages, withClient } from '../session/client.ts';
import { usageError } from '../usage.ts';

const aboutText = ({ site, slice, node }: Announcement): string => {
  if (site !== null) return `site ${site}`;
  if (slice !== null) return `slice ${slice}`;
  return node === null ? 'all' : `node ${node}`;
};

const COLUMNS: readonly Column<Announcement>[] = [
  { head: 'ID', cell: ({ id }) => String(id) },
  { head: 'LEVEL', cell: ({ level }) => ({ text: level, color: level === 'incident' ? 'red' : undefined }) },
  { head: 'ABOUT', cell: aboutText },
  { head: 'SINCE', cell: ({ at }, { nowMs }) => relativeTime(at, nowMs) },
  { head: 'ENDS', cell: ({ endsAt }, { nowMs }) => (endsAt === null ? '-' : relativeTime(endsAt, nowMs)) },
  { head: 'TITLE', cell: ({ title, text }) => (text === '' ? title : `${title}: ${text}`) },
];

export const register: Register = (announcement, io) => {
  leaf(
    announcement.command('list').option('--over', 'also those that are over'),
    io,
    { summary: 'what concerns you', example: 'pl announcement list' },
    (invocation, { over }: { over?: boolean }) =>
      withClient(invocation, async ({ client }) => {
        const query = { over: over === true ? ('true' as const) : ('false' as const) };
        const items = await allPages((after) => client.listAnnouncements({ query: { ...query, after } }));
        invocation.print.list(items, COLUMNS, 'There are no announcements.');
      }),
  );
  registerCreate(announcement, io);
  leaf(
    announcement.command('end <id>'),
    io,
    { summary: 'say that it is over', example: 'pl announcement end 7' },
    (invocation, id: string) =>
      withClient(invocation, async ({ client }) => {
        await client.endAnnouncement({ params: { announcement: wholeNumber(id) } });
        invocation.print.done({}, `Announcement ${id} is over.`);
      }),
  );
};

interface CreateOptions {
  readonly text?: string;
  readonly level: AnnouncementLevel;
  readonly site?: string;
  readonly slice?: string;
  readonly node?: string;
  readonly public?: boolean;
  readonly for?: number;
  readonly until?: Instant;
  readonly mail?: boolean;
}

function registerCreate(announcement: Command, io: Io): void {
  leaf(
    announcement
      .command('create <title>')
      .option('--text <text>', 'more about it')
      .addOption(new Option('--level <level>', 'how grave it is').choices(AnnouncementLevel.options).default('news'))
      .option('--site <site>', 'only for the people of this site')
      .option('--slice <slice>', 'only for the people of this slice')
      .option('--node <node>', 'only for the people of slices on this node, and of its site')
      .option('--public', 'on the public status page too')
      .option('--for <time>', 'over after this time, such as 2h', duration)
      .option('--until <instant>', 'over at this time', instant)
      .option('--mail', 'mail those whom it concerns'),
    io,
    {
      summary: 'tell people something, in console, command line and by mail',
      example: 'pl announcement create "The uplink is replaced" --level maintenance --node tokyo --for 2h --mail',
    },
    (invocation, title: string, options: CreateOptions) => {
      const { text, level, site, slice, node } = options;
      if (options.for !== undefined && options.until !== undefined) throw usageError('Say --for or --until, not both.');
      const endsAt = options.for === undefined ? options.until : toInstant(io.now() + options.for);
      const about = { site: site ?? null, slice: slice ?? null, node: node ?? null };
      const body = {
        title,
        text,
        level,
        ...about,
        endsAt,
        public: options.public === true,
        mail: options.mail === true,
      };
      return withClient(invocation, async ({ client }) => {
        const made = await client.announce({ body });
        const mailed = made.mailed === 0 ? '' : ` ${made.mailed} people are mailed.`;
        invocation.print.done(made, `Announcement ${made.id} is made.${mailed}`);
      });
    },
  );
}
