import { leaf } from '../leaf.ts';
import { personFields } from '../output/persons.ts';
import type { Register } from '../program.ts';
import { withClient } from '../session/client.ts';

export const register: Register = (whoami, io) => {
  leaf(whoami, io, { example: 'pl whoami' }, (invocation) =>
    withClient(invocation, async ({ client, settings }) => {
      const me = await client.getMe({});
      invocation.print.record(me, [...personFields(me, invocation.print.view), ['PLC', settings.url]]);
    }),
  );
};
