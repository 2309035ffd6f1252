/** A command line of ours as a document prints it. */
export interface PrintedCommand {
  readonly program: string;
  /** What stands before the first option: the command, and maybe arguments. */
  readonly words: readonly string[];
  readonly flags: readonly string[];
}

const FENCED = /^[ \t]*```\w*\n([\s\S]*?)^[ \t]*```/gm;
const INLINE = /`([^`\n]+)`/g;

/** The command lines of these programs in code of a document. Of what is quoted only that it is there. */
export function commandsIn(markdown: string, programs: readonly string[]): readonly PrintedCommand[] {
  const blocks = [...markdown.matchAll(FENCED)].flatMap(([, code = '']) => code.replaceAll('\\\n', ' ').split('\n'));
  const spans = [...markdown.replace(FENCED, '').matchAll(INLINE)].map(([, code = '']) => code);
  return [...blocks, ...spans].flatMap((line) =>
    line
      .replaceAll(/'[^']*'|"[^"]*"/g, 'QUOTED')
      .replace(/(^|\s)#.*$/, '')
      .split(/&&|[|;]/)
      .flatMap((part) => commandIn(part, programs)),
  );
}

function commandIn(text: string, programs: readonly string[]): readonly PrintedCommand[] {
  const [own = ''] = text.split(/ (?:--|[<>]) /); // what comes then is for another program, or a file
  const given = own.trim().split(/[\s[\]]+/);
  const at = given.findIndex((word) => programs.includes(word));
  const program = given[at];
  if (program === undefined || given.slice(0, at).some((word) => !/^[A-Z_]+=/.test(word))) return [];
  const rest = given.slice(at + 1);
  const firstFlag = rest.findIndex((word) => word.startsWith('--'));
  const words = (firstFlag === -1 ? rest : rest.slice(0, firstFlag)).filter((word) => word !== '');
  if (!/^[a-z][a-z-]*$/.test(words[0] ?? '')) return []; // a drawing, or `pl COMMAND`
  return [{ program, words, flags: rest.flatMap((word) => /^--[a-z][a-z-]*/.exec(word)?.[0] ?? []) }];
}

/** What of a command its own `--help` does not know; nothing when all of it is there. */
export function unknownIn({ program, words, flags }: PrintedCommand, help: string): readonly string[] {
  const usage = /^Usage: (.*)$/m.exec(help)?.[1] ?? '';
  const path = usage.split(/ (?=[[<A-Z])/)[0]?.split(' ') ?? [];
  const isGroup = /\[command\]|COMMAND/.test(usage);
  const called = [program, ...words.slice(0, path.length - 1)];
  const isThere = path.join(' ') === called.join(' ') && !(isGroup && words.length > path.length - 1);
  if (!isThere) return [`${[program, ...words].join(' ')} is no command`];
  return flags
    .filter((flag) => !new RegExp(`${flag}(?![a-z-])`).test(help))
    .map((flag) => `${called.join(' ')} has no ${flag}`);
}
