import { AuthoritySettings, SettingsChange } from '@planetlab/contract';
import { whatIsWrong } from '@planetlab/model';
import { leaf } from '../leaf.ts';
import { keyValue } from '../options.ts';
import type { Register } from '../program.ts';
import { withClient } from '../session/client.ts';
import { usageError } from '../usage.ts';

export const register: Register = (settings, io) => {
  leaf(
    settings.command('show'),
    io,
    { summary: 'what holds for the whole authority', example: 'pl settings show' },
    (invocation) =>
      withClient(invocation, async ({ client }) => {
        const found = await client.getSettings({});
        invocation.print.record(
          found,
          Object.entries(found).map(([key, value]) => [
            key,
            typeof value === 'object' ? JSON.stringify(value) : String(value),
          ]),
        );
      }),
  );
  leaf(
    settings.command('set <setting=value>'),
    io,
    { summary: 'change one; values are as `show` prints them', example: 'pl settings set nodesPerSlice=200' },
    (invocation, text: string) => {
      const { key, value } = keyValue(text);
      const change = SettingsChange.safeParse({ [key]: parsed(value) }, { error: whatIsWrong });
      if (!change.success) {
        const known = Object.keys(AuthoritySettings.shape).join(', ');
        throw usageError(
          `${text}: ${change.error.issues[0]?.message ?? 'it is no setting'}. The settings are: ${known}.`,
        );
      }
      return withClient(invocation, async ({ client }) => {
        const changed = await client.changeSettings({ body: change.data });
        invocation.print.done(changed, `${key} is ${value}.`);
      });
    },
  );
};

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text; // words need no quotes
  }
}
