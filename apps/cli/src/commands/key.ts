import { readFile } from 'node:fs/promises';
import type { Key } from '@planetlab/contract';
import { PlanetLabError } from '@planetlab/model';
import type { Command } from 'commander';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import type { Column } from '../output/printer.ts';
import { relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { type Plc, withClient } from '../session/client.ts';
import { readStandardInput } from '../session/secret.ts';

const COLUMNS: readonly Column<Key>[] = [
  { head: 'FINGERPRINT', cell: (key) => key.fingerprint },
  { head: 'TYPE', cell: (key) => key.key.split(' ')[0] ?? '' },
  { head: 'ADDED', cell: (key, view) => relativeTime(key.addedAt, view.nowMs) },
  { head: 'COMMENT', cell: (key) => key.key.split(' ').slice(2).join(' ') },
];

interface Whose {
  readonly person?: string;
}

const ofPerson = (command: Command): Command => command.option('--person <email>', 'whose; without it your own');

const personOf = async (plc: Plc, whose: Whose): Promise<string> => whose.person ?? (await plc.client.getMe({})).email;

export const register: Register = (key, io) => {
  leaf(
    ofPerson(key.command('add <file>')),
    io,
    {
      summary: 'register an SSH public key, from a file or - for standard input',
      example: 'pl key add ~/.ssh/id_ed25519.pub',
    },
    async (invocation, file: string, whose: Whose) => {
      const line = publicKeyIn(file === '-' ? await readStandardInput(io) : await readKeyFile(file), file);
      await withClient(invocation, async (plc) => {
        const person = await personOf(plc, whose);
        const added = await plc.client.addKey({ params: { person }, body: { key: line } });
        invocation.print.done(added, `Key ${added.fingerprint} now opens the slivers of ${added.person}.`);
      });
    },
  );
  registerList(key, io);
  leaf(
    ofPerson(key.command('remove <fingerprint>')),
    io,
    { summary: 'remove a key; it stops working everywhere', example: 'pl key remove SHA256:nThbg6kXUpJWGl7E1IGOCspRo' },
    (invocation, fingerprint: string, whose: Whose) =>
      withClient(invocation, async (plc) => {
        const person = await personOf(plc, whose);
        await plc.client.deleteKey({ params: { person, fingerprint } });
        invocation.print.done({}, `Key ${fingerprint} is removed.`);
      }),
  );
};

function registerList(key: Command, io: Io): void {
  leaf(
    ofPerson(key.command('list')),
    io,
    { summary: 'SSH public keys', example: 'pl key list' },
    (invocation, whose: Whose) =>
      withClient(invocation, async (plc) => {
        const { items } = await plc.client.listKeys({ params: { person: await personOf(plc, whose) } });
        invocation.print.list(items, COLUMNS, 'There are no keys. Add yours with `pl key add ~/.ssh/id_ed25519.pub`.');
      }),
  );
}

const readKeyFile = async (file: string): Promise<string> => (await readFile(file, 'utf8')).trim();

/** The one line that is the key. A private key is refused before it goes anywhere. */
function publicKeyIn(text: string, file: string): string {
  if (text.includes('PRIVATE KEY')) {
    throw new PlanetLabError(
      'malformed_key',
      `${file} is a private key, which nobody else should have; give the public one, ${file}.pub.`,
    );
  }
  return text;
}
