/** One line of `/proc/PID/mountinfo` (proc(5)), as far as anyone here needs it. */
export interface MountEntry {
  readonly mountPoint: string;
  /** The directory of the file system that is mounted there. */
  readonly root: string;
  readonly type: string;
  readonly source: string;
  /** Options of the file system, such as the controllers of a cgroup hierarchy. */
  readonly superOptions: readonly string[];
}

/** Parses the whole table; lines that are not in the documented form are left out. */
export function parseMountTable(text: string): readonly MountEntry[] {
  const entries: MountEntry[] = [];
  for (const line of text.split('\n')) {
    // 36 35 98:0 /root /point rw,noatime shared:1 - ext3 /dev/root rw,errors=continue
    const separator = line.indexOf(' - ');
    if (separator < 0) continue;
    const before = line.slice(0, separator).split(' ');
    const [type, source, superOptions] = line.slice(separator + 3).split(' ');
    const [root, mountPoint] = [before[3], before[4]];
    if (root === undefined || mountPoint === undefined || type === undefined || source === undefined) continue;
    entries.push({
      mountPoint: unescapeOctal(mountPoint),
      root: unescapeOctal(root),
      type,
      source: unescapeOctal(source),
      superOptions: superOptions?.split(',') ?? [],
    });
  }
  return entries;
}

/** The kernel writes blanks, tabs, newlines and backslashes in paths as `\040` and so on, byte by byte. */
export function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** Mount points at or below `path`, deepest last; for equal depth in the order in which they were mounted. */
export function mountPointsUnder(entries: readonly MountEntry[], path: string): readonly string[] {
  const base = path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path;
  const prefix = base === '/' ? '/' : `${base}/`;
  const depth = (point: string): number => (point === '/' ? 0 : point.split('/').length);
  return entries
    .map((entry) => entry.mountPoint)
    .filter((point) => point === base || point.startsWith(prefix))
    .sort((a, b) => depth(a) - depth(b));
}
