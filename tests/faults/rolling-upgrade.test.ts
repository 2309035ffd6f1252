import { expect, it } from 'vitest';
import { commitBeforeNewestSchema } from '../soak/old-version.ts';
import { soakUpgrade } from '../soak/upgrade.ts';

const commit = commitBeforeNewestSchema();
if (commit === undefined)
  process.stderr.write('rolling-upgrade: skipped: the history of this clone does not reach to the schema before\n');

// A shallow clone has no earlier version to try; the line before says so on the screen.
it.skipIf(commit === undefined)(
  'the version before goes on while this one has brought the schema up to date, and what it began is finished',
  async () => {
    const outcome = await soakUpgrade(commit ?? '');
    expect(outcome).toEqual({
      commit,
      onNewSchema: 'succeeded',
      handedOver: 'succeeded',
      slivers: ['running', 'running', 'running'],
    });
  },
  300_000,
);
