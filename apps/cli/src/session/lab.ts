import { readFile } from 'node:fs/promises';

/** How to get in to the lab that runs on this machine, as its administrator. */
export interface LabSignIn {
  readonly url: string;
  readonly token: string;
  /** For `ssh -F`: knows the lab's nodes by name, and the key. */
  readonly sshConfigFile: string;
}

/** The lab that `pl lab` means when no name is given. */
export const DEFAULT_LAB = 'lab';

/** The lab of this person on this machine, if one is up. */
export async function findLab(): Promise<LabSignIn | undefined> {
  // Loaded only here: whoever is signed in elsewhere does not pay for it.
  const { labStatus } = await import('@planetlab/lab');
  const access = (await labStatus(DEFAULT_LAB))?.access;
  if (access === null || access === undefined) return undefined;
  const token = (await readFile(access.tokenFile, 'utf8')).trim();
  return { url: access.plcUrl, token, sshConfigFile: access.sshConfigFile };
}
