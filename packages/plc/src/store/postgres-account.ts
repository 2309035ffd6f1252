import { chmodSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PlanetLabError } from '@planetlab/model';

/** Whom the private server runs as. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

const ACCOUNT_NAME = 'postgres';

/** PostgreSQL refuses to run as root: then it gets the distribution's own account, else it runs as we do. */
export function postgresAccount(): Account {
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) return { uid, gid: process.getgid?.() ?? uid };
  const fields = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'))
    .find(([name]) => name === ACCOUNT_NAME);
  if (fields?.[2] !== undefined && fields[3] !== undefined) return { uid: Number(fields[2]), gid: Number(fields[3]) };
  throw new PlanetLabError(
    'feature_missing',
    `There is no account "${ACCOUNT_NAME}" for the private PostgreSQL server to run as. Install the package postgresql-common.`,
  );
}

const OTHERS_MAY_PASS = 0o001;

/**
 * Lets the server's account reach what is its own inside the state folder. The files of ours beside it are each 0600.
 * Throws `feature_missing` when a folder above, which is not ours to change, is closed.
 */
export function openWayTo(stateFolder: string, account: Account): void {
  if (account.uid === process.getuid?.()) return;
  const mode = statSync(stateFolder).mode;
  if ((mode & OTHERS_MAY_PASS) === 0) chmodSync(stateFolder, (mode & 0o7777) | OTHERS_MAY_PASS);
  for (let folder = dirname(stateFolder); ; folder = dirname(folder)) {
    if ((statSync(folder).mode & OTHERS_MAY_PASS) === 0) {
      throw new PlanetLabError(
        'feature_missing',
        `The account "${ACCOUNT_NAME}" cannot pass through ${folder} to the state folder. Choose another --state, or run: chmod o+x ${folder}`,
      );
    }
    if (folder === dirname(folder)) return;
  }
}
