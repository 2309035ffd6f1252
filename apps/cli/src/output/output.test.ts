import { Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { painter, plainLine } from './paint.ts';
import { createPrinter } from './printer.ts';
import { nodeState, sliverState } from './states.ts';
import { renderTable } from './table.ts';
import { fullTime, relativeTime } from './times.ts';

const plain = { paint: painter(false), width: undefined };
const text = (...texts: string[]) => texts.map((cell) => ({ text: cell }));

describe('tables', () => {
  it('align their columns, without borders and without spaces at the ends of lines', () => {
    const table = renderTable(
      ['NAME', 'STATE', 'REASON'],
      [text('tokyo', 'running', ''), text('zurich', 'failed', 'no disk')],
      plain,
    );
    expect(table.split('\n')).toEqual(['NAME    STATE    REASON', 'tokyo   running', 'zurich  failed   no disk']);
  });

  it('show long reasons in full when piped, and wrap them in their own column on a terminal', () => {
    const reason = 'the node has not enough memory left for this sliver, ask for less or choose another node';
    const rows = [text('tokyo', reason)];
    expect(renderTable(['NODE', 'REASON'], rows, plain)).toContain(reason);
    const wrapped = renderTable(['NODE', 'REASON'], rows, { ...plain, width: 40 }).split('\n');
    expect(wrapped.length).toBeGreaterThan(3);
    expect(wrapped.every((line) => line.length <= 40)).toBe(true);
    expect(
      wrapped
        .slice(1)
        .map((line) => line.slice(7))
        .join(' '),
    ).toBe(reason);
  });

  it('never cut a word, however narrow the terminal', () => {
    const link = 'https://plc.example.org/why-this-was-refused/in-full';
    const table = renderTable(['NODE', 'REASON'], [text('tokyo', `see ${link}`)], { ...plain, width: 30 });
    expect(table).toContain(link);
  });

  it('align coloured cells as plain ones', () => {
    const rows = [
      [{ text: 'running', color: 'green' as const }, { text: 'x' }],
      [{ text: 'ok' }, { text: 'y' }],
    ];
    const colored = renderTable(['A', 'B'], rows, { ...plain, paint: painter(true) });
    expect(colored).toContain('\u001b[32mrunning\u001b[39m');
    // biome-ignore lint/suspicious/noControlCharactersInRegex: colours are what this removes
    expect(colored.replaceAll(/\u001b\[\d+m/g, '')).toBe(renderTable(['A', 'B'], rows, plain));
  });

  it('do not pass on what a terminal would obey', () => {
    expect(plainLine('evil\u001b[2J\r\nname\u009b1m')).toBe('evil [2J name 1m');
    expect(renderTable(['A'], [text('a\nb')], plain)).toBe('A\na b');
  });
});

describe('a single thing', () => {
  it('has what is there to be copied in one piece, also on a narrow terminal', () => {
    let shown = '';
    const write = (data: Buffer, _encoding: string, done: () => void) => {
      shown += String(data);
      done();
    };
    const stdout = Object.assign(new Writable({ write }), { isTTY: true, columns: 40 });
    const print = createPrinter({ stdout, stderr: stdout, json: false, color: false, nowMs: 0 });
    const command = 'ssh -F /var/lib/planetlab/labs/lab/ssh_config demo_hello@tokyo';
    print.record({}, [['SSH', command]]);
    expect(shown).toBe(`SSH  ${command}\n`);
  });
});

describe('times', () => {
  const nowMs = Date.parse('2026-02-01T12:00:00Z');

  it('are relative to now, in at most two units', () => {
    expect(relativeTime('2026-02-14T16:10:00.000Z', nowMs)).toBe('in 1 w 6 d');
    expect(relativeTime('2026-02-01T11:56:50.000Z', nowMs)).toBe('3 min 10 s ago');
    expect(relativeTime('2026-02-01T12:00:00.400Z', nowMs)).toBe('now');
  });

  it('say the date too where it matters', () => {
    expect(fullTime('2026-02-03T12:00:00.000Z', nowMs)).toBe('in 2 d (2026-02-03 12:00 UTC)');
  });
});

describe('states', () => {
  it('carry a symbol on a terminal, and are one plain word elsewhere', () => {
    expect(sliverState('running', true)).toEqual({ text: '● running', color: 'green' });
    expect(sliverState('refused', false)).toEqual({ text: 'refused', color: 'red' });
    expect(nodeState('disconnected', true).text).toBe('○ disconnected');
  });
});
