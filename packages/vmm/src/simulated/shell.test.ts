import { describe, expect, it } from 'vitest';
import { parseShellLine } from './shell.ts';

describe('the simulated shell', () => {
  it('understands words, quotes, sequences and output to standard error', () => {
    expect(parseShellLine(`echo 'a  b'"c" d; false ;echo x >&2`)).toEqual([
      { argv: ['echo', 'a  bc', 'd'], toStderr: false },
      { argv: ['false'], toStderr: false },
      { argv: ['echo', 'x'], toStderr: true },
    ]);
    expect(parseShellLine(`echo '$HOME; > *'`)).toEqual([{ argv: ['echo', '$HOME; > *'], toStderr: false }]);
    expect(parseShellLine('')).toEqual([]);
  });

  it.each(['echo $HOME', 'a | b', 'a && b', 'a > file', "echo 'open", 'echo a\\ b', '(a)', 'echo "$x"', 'ls *'])(
    'refuses %j, which it would get wrong',
    (line) => expect(parseShellLine(line)).toBeUndefined(),
  );
});
