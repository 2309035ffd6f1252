import { closeSync, constants, opendirSync, openSync, rmdirSync } from 'node:fs';

/**
 * Removes all folders below one, deepest first, as a tree of cgroups is removed: what else is in them goes with them.
 * It goes from folder to folder by descriptor, so that they may lie deeper than a path can name.
 */
export function removeFoldersBelow(folder: string): void {
  let here = openSync(folder, constants.O_DIRECTORY);
  const goTo = (name: string) => {
    const next = openSync(pathIn(here, name), constants.O_DIRECTORY | constants.O_NOFOLLOW);
    closeSync(here);
    here = next;
  };
  const entered: string[] = [];
  try {
    for (;;) {
      const below = someFolderIn(here);
      if (below !== undefined) {
        goTo(below);
        entered.push(below);
        continue;
      }
      const done = entered.pop();
      if (done === undefined) return;
      goTo('..');
      rmdirSync(pathIn(here, done));
    }
  } finally {
    closeSync(here);
  }
}

/** Names are any bytes, each one a letter of latin1. */
const pathIn = (descriptor: number, name: string): Buffer =>
  Buffer.from(`/proc/self/fd/${descriptor}/${name}`, 'latin1');

/** The name of one of the folders in a folder; not of all, for there may be very many. */
function someFolderIn(descriptor: number): string | undefined {
  const entries = opendirSync(`/proc/self/fd/${descriptor}`, { encoding: 'latin1' });
  try {
    for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
      if (entry.isDirectory()) return entry.name;
    }
    return undefined;
  } finally {
    entries.closeSync();
  }
}
