/** One command of a simulated shell line. */
export interface ShellCommand {
  readonly argv: readonly string[];
  /** Whether its output goes to standard error (`>&2`). */
  readonly toStderr: boolean;
}

/**
 * Parses what the simulated machines understand of a shell: words, quotes, `;` between commands, and `>&2`.
 * Returns undefined for everything else, so that a script which would behave otherwise on a real machine is refused.
 */
export function parseShellLine(line: string): readonly ShellCommand[] | undefined {
  const commands: ShellCommand[] = [];
  for (const part of tokenize(line) ?? [undefined]) {
    if (part === undefined) return undefined;
    const toStderr = part.at(-1)?.plain === '>&2';
    const words = toStderr ? part.slice(0, -1) : part;
    if (words.some((word) => /[<>&|$`(){}*?[\]]/.test(word.plain))) return undefined;
    if (words.length > 0) commands.push({ argv: words.map((word) => word.text), toStderr });
  }
  return commands;
}

interface Word {
  readonly text: string;
  /** What of it stood outside quotes: only there have characters a special meaning. */
  readonly plain: string;
}

const TOKEN = /\s+|;|'([^']*)'|"([^"$`\\]*)"|[^\s;'"\\]+/y;

/** Words of each command; undefined when quotes do not match. */
function tokenize(line: string): readonly (readonly Word[])[] | undefined {
  const commands: Word[][] = [[]];
  let word: Word | undefined;
  const finishWord = () => {
    if (word !== undefined) commands.at(-1)?.push(word);
    word = undefined;
  };
  for (let position = 0; position < line.length; ) {
    TOKEN.lastIndex = position;
    const match = TOKEN.exec(line);
    if (match === null) return undefined;
    position = TOKEN.lastIndex;
    const quoted = match[1] ?? match[2];
    if (quoted === undefined && /^[\s;]/.test(match[0])) {
      finishWord();
      if (match[0] === ';') commands.push([]);
    } else {
      const plain = quoted === undefined ? match[0] : '';
      word = { text: (word?.text ?? '') + (quoted ?? plain), plain: (word?.plain ?? '') + plain };
    }
  }
  finishWord();
  return commands;
}
