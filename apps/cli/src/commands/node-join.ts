import { readFile } from 'node:fs/promises';
import { toInstant } from '@planetlab/model';
import type { Command } from 'commander';
import { ExitWith } from '../exit.ts';
import type { Io } from '../io.ts';
import { leaf } from '../leaf.ts';
import { joinAsNode } from '../node-manager.ts';
import { duration } from '../options.ts';
import { relativeTime } from '../output/times.ts';
import { withClient } from '../session/client.ts';
import { readSecret, readStandardInput } from '../session/secret.ts';

const DEFAULT_STATE = '/var/lib/planetlab/node';

/** How a machine becomes a node: an invitation made here, a join typed there. */
export function registerNodeJoin(node: Command, io: Io): void {
  leaf(
    node.command('invite <name>').option('--for <time>', 'how long the invitation holds', duration),
    io,
    {
      summary: 'make a token with which one machine joins as this node, once',
      example: 'pl node invite planetlab1.eth | ssh root@machine pl node join -',
    },
    (invocation, name: string, options: { for?: number }) =>
      withClient(invocation, async ({ client }) => {
        const body = options.for === undefined ? {} : { expiresAt: toInstant(io.now() + options.for) };
        const invitation = await client.inviteNode({ params: { node: name }, body });
        const ends = relativeTime(invitation.expiresAt, invocation.print.view.nowMs);
        const words = `On the machine, as root, type\n\n    ${invitation.command}\n\nand give it this token, which works once and ends ${ends}:\n`;
        invocation.print.value(invitation, invitation.token, words);
      }),
  );
  leaf(
    node.command('join [token-file]').option('--state <folder>', 'where the node keeps its state', DEFAULT_STATE),
    io,
    {
      summary: 'make this machine a node: asks for the token, or reads it from a file or - for standard input',
      example: 'pl node join',
    },
    async (_invocation, tokenFile: string | undefined, options: { state: string }) => {
      const token = await readToken(io, tokenFile);
      throw new ExitWith(await joinAsNode(io, token, options.state));
    },
  );
}

async function readToken(io: Io, file: string | undefined): Promise<string> {
  if (file === undefined) return readSecret(io, 'Join token: ');
  return file === '-' ? readStandardInput(io) : (await readFile(file, 'utf8')).trim();
}
