import type { CommandRunner } from './command.ts';

export type TableFamily = 'ip' | 'ip6' | 'inet' | 'arp' | 'bridge' | 'netdev';

/** Applies a whole rule set as one transaction: either all of it holds afterwards or nothing has changed. */
export async function applyRuleset(text: string, runner: CommandRunner): Promise<void> {
  await runner.run({ argv: ['nft', '-f', '-'], input: text });
}

/** Removes a table. No effect when it is not there. */
export async function deleteTable(family: TableFamily, name: string, runner: CommandRunner): Promise<void> {
  await applyRuleset(deletionOf(family, name), runner);
}

/** Packets that each element of a set has counted, by the element's number: for sets of marks with a counter. */
export async function readCounterSet(
  table: string,
  set: string,
  runner: CommandRunner,
): Promise<ReadonlyMap<number, number>> {
  return parseCounterSet((await runner.run({ argv: ['nft', 'list', 'set', 'inet', table, set] })).stdout);
}

export const parseCounterSet = (text: string): ReadonlyMap<number, number> =>
  new Map(
    [...text.matchAll(/(0x[0-9a-f]+|\d+) counter packets (\d+)/g)].map(([, key, packets]) => [
      Number(key),
      Number(packets),
    ]),
  );

/** Text that removes a table, or does nothing: to be put before a new version of it in one transaction. */
export function deletionOf(family: TableFamily, name: string): string {
  if (!/^[A-Za-z][A-Za-z0-9_.-]*$/.test(name)) throw new RangeError(`not a table name: ${JSON.stringify(name)}`);
  // Deleting a table that is not there fails; adding one that is there does not.
  return `table ${family} ${name} {}\ndelete table ${family} ${name}\n`;
}
