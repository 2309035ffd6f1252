import { PlanetLabError } from '@planetlab/model';
import { type Command, Option } from 'commander';

interface Where {
  readonly state: string;
  readonly keys?: string;
  readonly databaseUrl?: string;
}

interface BackupFlags extends Where {
  readonly to: string;
  readonly passphraseFile?: string;
  readonly recipientFile?: string;
}

interface RestoreFlags extends Where {
  readonly from: string;
  readonly passphraseFile?: string;
  readonly keyFile?: string;
}

const BACKUP_HELP = `
The PLC may run meanwhile. The file is read again before it gets its name, and never written over another.

Example: sealed for a key whose private half is not on this machine
  openssl genpkey -algorithm X25519 -out backup.key      (keep it elsewhere)
  openssl pkey -in backup.key -pubout -out backup.pub
  planetlab-plc backup --state /var/lib/planetlab/plc --recipient-file backup.pub --to plc.backup`;

const RESTORE_HELP = `
Only where there is no authority yet: an empty database, and a state folder without keys, or with the same ones.

Example:
  planetlab-plc restore --state /var/lib/planetlab/plc --from plc.backup --key-file backup.key`;

/** `backup` and `restore`; `common` adds the options that say where an authority is. */
export function addBackupCommands(
  main: Command,
  common: (command: Command) => Command,
  say: (s: string) => void,
): void {
  const passphrase = () => new Option('--passphrase-file <file>', 'its first line is the passphrase');
  common(main.command('backup'))
    .description('write database and keys into one encrypted file')
    .requiredOption('--to <file>', 'the backup; must not exist')
    .addOption(passphrase().conflicts('recipientFile'))
    .addOption(new Option('--recipient-file <file>', 'public X25519 key, PEM'))
    .addHelpText('after', BACKUP_HELP)
    .action(async (flags: BackupFlags) => say(await backup(flags)));
  common(main.command('restore'))
    .description('make an authority again from a backup, on an empty machine')
    .requiredOption('--from <file>', 'the backup')
    .addOption(passphrase().conflicts('keyFile'))
    .addOption(new Option('--key-file <file>', 'private X25519 key, PEM'))
    .addHelpText('after', RESTORE_HELP)
    .action(async (flags: RestoreFlags) => say(await restore(flags)));
}

async function backup({ to, passphraseFile, recipientFile, ...where }: BackupFlags): Promise<string> {
  const { backupPlc, readPassphrase, readRecipient } = await import('@planetlab/plc');
  const sealWith =
    passphraseFile !== undefined
      ? readPassphrase(passphraseFile)
      : readRecipient(given(recipientFile, '--passphrase-file or --recipient-file'));
  const { authority, madeAt } = await backupPlc({ ...where, to, sealWith });
  return `Wrote ${to}: the authority ${authority} as of ${madeAt}.`;
}

async function restore({ from, passphraseFile, keyFile, ...where }: RestoreFlags): Promise<string> {
  const { readPassphrase, readPrivateKey, restorePlc } = await import('@planetlab/plc');
  const openWith =
    passphraseFile !== undefined
      ? readPassphrase(passphraseFile)
      : readPrivateKey(given(keyFile, '--passphrase-file or --key-file'));
  const { authority, madeAt } = await restorePlc({ ...where, from, openWith });
  return `Restored the authority ${authority} as of ${madeAt}. Start it with: planetlab-plc run`;
}

function given(file: string | undefined, options: string): string {
  if (file !== undefined) return file;
  throw new PlanetLabError('malformed_request', `Say what the backup is encrypted with: ${options}.`);
}
