/**
 * `npm run soak -- writes [--writes 10000] [--kills 50] [--json]` and `npm run soak -- fuzz [--minutes 3] [--json]`:
 * what takes too long for `npm test`, which has a small version of each. The seed is printed; `--seed` repeats a run.
 * `npm run soak -- upgrade [--from COMMIT]`: the version before beside this one, on one database.
 */
import { parseArgs } from 'node:util';
import { messageOf } from '@planetlab/model';
import { fuzzPlc } from './fuzz-plc.ts';
import { commitBeforeNewestSchema } from './old-version.ts';
import { soakUpgrade } from './upgrade.ts';
import { soakWrites } from './writes.ts';

const HELP = `Soaks: writes, fuzz, upgrade

  writes    acknowledged writes while PLC and database are killed (--writes 10000, --kills 50)
  fuzz      what the OpenAPI document allows, and what it does not (--minutes 3)
  upgrade   an earlier version beside this one, on one database (--from COMMIT)
  --seed N  repeats a run of the first two
  --json    one line of JSON at the end

Example: npm run soak -- writes --json
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'boolean' },
    help: { type: 'boolean', short: 'h' },
    seed: { type: 'string' },
    writes: { type: 'string', default: '10000' },
    kills: { type: 'string', default: '50' },
    from: { type: 'string' },
    minutes: { type: 'string', default: '3' },
  },
});
const seed = Number(values.seed ?? Date.now() % 1_000_000);
const note = (line: string) => process.stderr.write(`${line}\n`);

/** Whether nothing is wrong. */
async function run(): Promise<boolean> {
  if (values.help === true) {
    process.stdout.write(HELP);
    return true;
  }
  if (positionals[0] === 'writes') {
    const outcome = await soakWrites({ writes: Number(values.writes), kills: Number(values.kills), seed, note });
    print(outcome);
    return outcome.lost + outcome.halfDone + outcome.twice + outcome.wrongEvents === 0;
  }
  if (positionals[0] === 'fuzz') {
    const outcome = await fuzzPlc(Number(values.minutes) * 60, seed);
    print(outcome);
    return outcome.faults.length === 0;
  }
  if (positionals[0] === 'upgrade') {
    const commit = values.from ?? commitBeforeNewestSchema();
    if (commit === undefined) throw new Error('the history does not reach to the schema before; say --from COMMIT');
    const outcome = await soakUpgrade(commit);
    print(outcome);
    return [outcome.onNewSchema, outcome.handedOver].every((state) => state === 'succeeded');
  }
  process.stderr.write(HELP);
  return false;
}

function print(outcome: object): void {
  if (values.json !== true)
    for (const [name, value] of Object.entries(outcome))
      process.stdout.write(`${name.padEnd(16)} ${JSON.stringify(value)}\n`);
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

try {
  process.exitCode = (await run()) ? 0 : 1;
} catch (error) {
  note(`soak: ${messageOf(error)}`);
  process.exitCode = 1;
}
