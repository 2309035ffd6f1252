import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { PlanetLabError } from '@planetlab/model';
import { z } from 'zod';
import type { Io } from '../io.ts';

export const DEFAULT_URL = 'http://127.0.0.1:8420';

/** What `pl login` keeps. */
const SavedSignIn = z.object({ url: z.string(), token: z.string() });
export type SavedSignIn = z.infer<typeof SavedSignIn>;

/** Where to go and as whom, after flag > environment > file > the lab that is up here > default. */
export interface Settings {
  readonly url: string;
  readonly token: string | undefined;
  /** Folder of the configuration, for what belongs beside it. */
  readonly folder: string;
  /** For `ssh -F`, where the lab gives one. */
  readonly sshConfigFile: string | undefined;
}

export interface Asked {
  readonly io: Io;
  readonly url: string | undefined;
  readonly configFile: string | undefined;
}

export const configFileOf = ({ io, configFile }: Asked): string =>
  configFile ??
  join(io.env['XDG_CONFIG_HOME'] || join(io.env['HOME'] ?? homedir(), '.config'), 'planetlab/config.json');

export async function resolveSettings(asked: Asked): Promise<Settings> {
  const { io } = asked;
  const file = configFileOf(asked);
  const folder = dirname(file);
  const saved = await readSignIn(file);
  const named = asked.url ?? nonEmpty(io.env['PLANETLAB_URL']) ?? saved?.url;
  const url = named === undefined ? undefined : normalUrl(named);
  // A saved token goes only to the PLC that it was saved for, and the lab's only to the lab.
  const token = nonEmpty(io.env['PLANETLAB_TOKEN']) ?? (saved?.url === url ? saved?.token : undefined);
  const lab = token === undefined ? await io.findLab() : undefined;
  if (lab !== undefined && (url === undefined || url === lab.url)) return { ...lab, folder };
  return { url: url ?? DEFAULT_URL, token, folder, sshConfigFile: undefined };
}

const nonEmpty = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

/** An address as requests want it: http or https, no slash at the end, nothing secret in it. */
export function normalUrl(text: string): string {
  const url = URL.parse(text.includes('://') ? text : `http://${text}`);
  if (url === null || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.password !== '') {
    throw new PlanetLabError(
      'malformed_request',
      `${JSON.stringify(text)} is not the address of a PLC; one looks like https://plc.example.org.`,
    );
  }
  return `${url.origin}${url.pathname}`.replace(/\/+$/, '');
}

export async function readSignIn(file: string): Promise<SavedSignIn | undefined> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  await refuseReadableByOthers(file);
  const parsed = SavedSignIn.safeParse(tryJson(text));
  if (parsed.success) return parsed.data;
  throw new PlanetLabError(
    'malformed_request',
    `${file} is not a configuration of pl; remove it and sign in again with \`pl login\`.`,
  );
}

async function refuseReadableByOthers(file: string): Promise<void> {
  const { mode } = await stat(file);
  if ((mode & 0o077) === 0) return;
  throw new PlanetLabError(
    'forbidden',
    `${file} holds a token and can be read by others; make it yours alone with: chmod 600 ${file}`,
  );
}

/** Replaces the file in one step, readable by its owner only. */
export async function saveSignIn(file: string, signIn: SavedSignIn): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const draft = `${file}.${process.pid}.new`;
  try {
    await writeFile(draft, `${JSON.stringify(signIn, null, 2)}\n`, { mode: 0o600, flag: 'wx' });
    await chmod(draft, 0o600);
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

export const forgetSignIn = (file: string): Promise<void> => rm(file, { force: true });

function tryJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // refused by the schema, in words
  }
}
