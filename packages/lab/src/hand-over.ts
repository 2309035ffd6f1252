import { chmod, chown } from 'node:fs/promises';

/** A person of this machine. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Who called sudo to get this process; null where nobody did. */
export function sudoCaller(
  env: Readonly<Record<string, string | undefined>>,
  ownUid: number | undefined,
): Account | null {
  const [uid, gid] = [idOf(env['SUDO_UID']), idOf(env['SUDO_GID'])];
  return ownUid !== 0 || uid === undefined || gid === undefined || uid === 0 ? null : { uid, gid };
}

const idOf = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;

/** Makes files a person's own, and nobody else's. Only files: the folder that holds them stays root's. */
export async function handOver(files: readonly string[], to: Account | null): Promise<void> {
  if (to === null) return;
  for (const file of files) {
    await chmod(file, 0o600);
    await chown(file, to.uid, to.gid);
  }
}
