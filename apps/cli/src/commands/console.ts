import { leaf } from '../leaf.ts';
import { relativeTime } from '../output/times.ts';
import type { Register } from '../program.ts';
import { withClient } from '../session/client.ts';

export const register: Register = (command, io) => {
  leaf(command, io, { example: 'pl console' }, (invocation) =>
    withClient(invocation, async ({ client }) => {
      const link = await client.createSignInLink({});
      const ends = relativeTime(link.expiresAt, invocation.print.view.nowMs);
      invocation.print.value(link, link.url, `Opens the console signed in as you, once; the link ends ${ends}:`);
    }),
  );
};
