import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { cli } from './testing/cli.ts';
import { commandsIn, type PrintedCommand, unknownIn } from './testing/documents.ts';

// Other programs explain themselves in processes of their own.
vi.setConfig({ testTimeout: 600_000 });

const ROOT = join(import.meta.dirname, '../../..');
const PROGRAMS = { 'pl-node': 'apps/node-manager/main.ts', 'planetlab-plc': 'apps/plc/main.ts' } as const;

const documentsIn = (folder: string): readonly string[] =>
  readdirSync(join(ROOT, folder)).flatMap((file) => (file.endsWith('.md') ? join(folder, file) : []));

/** Every command of these programs that the documents print, each once, with where it stands first. */
function printed(...programs: string[]): ReadonlyMap<string, PrintedCommand> {
  const found = new Map<string, PrintedCommand>();
  for (const file of ['', 'docs', 'docs/operating'].flatMap(documentsIn))
    for (const command of commandsIn(readFileSync(join(ROOT, file), 'utf8'), programs)) {
      const line = [command.program, ...command.words, ...command.flags].join(' ');
      if (![...found.keys()].some((known) => known.endsWith(`: ${line}`))) found.set(`${file}: ${line}`, command);
    }
  return found;
}

describe('commands in documents', () => {
  const read = (text: string) => commandsIn(text, ['pl', 'pl-node']);

  it('are found in blocks and between the words, without what is quoted, said of them or for others', () => {
    expect(
      read('```sh\npl exec a@b --all -- ls --color   # or so\npl login && pl-node status | grep x\n```\n'),
    ).toEqual([
      { program: 'pl', words: ['exec', 'a@b'], flags: ['--all'] },
      { program: 'pl', words: ['login'], flags: [] },
      { program: 'pl-node', words: ['status'], flags: [] },
    ]);
    expect(
      read('say `pl slice tag S k=v [--group G | --node N]`, `pl COMMAND --help` or `PASSWORD=x pl login`'),
    ).toEqual([
      { program: 'pl', words: ['slice', 'tag', 'S', 'k=v'], flags: ['--group'] },
      { program: 'pl', words: ['login'], flags: [] },
    ]);
    expect(read('`pl node select \'a == "--x"\' --count 2`')[0]?.flags).toEqual(['--count']);
  });

  it('are unknown where their help is about something else, or lacks an option', () => {
    const [command] = read('`pl node shew tokyo --why`');
    if (command === undefined) throw new Error('no command was found');
    expect(unknownIn(command, 'Usage: pl node [options] [command]')).toEqual(['pl node shew tokyo is no command']);
    expect(unknownIn(command, 'Usage: pl node shew [options] <name>\n  --whyever')).toEqual([
      'pl node shew has no --why',
    ]);
    expect(unknownIn(command, 'Usage: pl node shew [options] <name>\n  --why  so')).toEqual([]);
  });

  it('of `pl` are commands, with the options that they have', async () => {
    const commands = printed('pl');
    expect(commands.size).toBeGreaterThan(40);
    const unknown: string[] = [];
    for (const [where, command] of commands) {
      const { stdout } = await cli([...command.words, '--help']);
      unknown.push(...unknownIn(command, stdout).map((what) => `${where}: ${what}`));
    }
    expect(unknown).toEqual([]);
  });

  it.each(Object.entries(PROGRAMS))('of `%s` are commands, with the options that they have', async (program, main) => {
    const helps = new Map<string, Promise<{ stdout: string }>>();
    const helpOf = (words: readonly string[]) => {
      const key = words.join(' ');
      const known = helps.get(key) ?? run(process.execPath, [join(ROOT, main), ...words, '--help'], { env: {} });
      helps.set(key, known);
      return known;
    };
    const commands = printed(program);
    expect(commands.size).toBeGreaterThan(1);
    const unknown: string[] = [];
    const { stdout: all } = await helpOf([]);
    for (const [where, command] of commands) {
      const path = command.words.filter((word) => /^[a-z]+$/.test(word)).slice(0, 2);
      const isListed = path.length === 1 && new RegExp(`^ +${path[0]} `, 'm').test(all);
      if (isListed && command.flags.length === 0) continue; // a process less
      const { stdout } = await helpOf(path);
      unknown.push(...unknownIn(command, stdout).map((what) => `${where}: ${what}`));
    }
    expect(unknown).toEqual([]);
  });
});

const run = promisify(execFile);
