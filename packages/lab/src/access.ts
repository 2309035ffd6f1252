import { readFile, writeFile } from 'node:fs/promises';
import { DEMO_SLICE, type DemoKeys } from './demo.ts';
import { handOver } from './hand-over.ts';
import type { NodesContext } from './nodes.ts';
import type { PlcAccess } from './plc.ts';
import { runMarked } from './processes.ts';
import { sshConfig } from './ssh-config.ts';
import type { LabAccess } from './types.ts';
import { throwIfCanceled } from './wait.ts';

/** A key for each of the two people whom the lab registers. */
export async function makeSshKeys({ environment, paths }: NodesContext): Promise<DemoKeys> {
  const make = async (file: string, comment: string): Promise<string> => {
    const argv = ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file] as const;
    await runMarked(environment, paths, { argv });
    return (await readFile(`${file}.pub`, 'utf8')).trim();
  };
  const [admin, person] = await Promise.all([make(paths.adminKey, 'admin'), make(paths.personKey, 'ada')]);
  return { admin, person };
}

/** Writes what a person needs to get in, and makes it that person's when the lab was started through sudo. */
export async function giveAccess(context: NodesContext, plcUrl: string, { client }: PlcAccess): Promise<LabAccess> {
  const { environment, paths, layout, mode, signal } = context;
  throwIfCanceled(signal);
  const { items } = await client.listSlivers({ query: { slice: DEMO_SLICE } });
  const reachable = items.flatMap(({ node, ssh }) => (ssh === null ? [] : [{ node, ...ssh }]));
  const secret = { mode: 0o600 };
  await writeFile(paths.sshConfig, sshConfig(paths, reachable), secret);
  await writeFile(paths.knownHosts, '', secret); // here already: its new owner cannot make files in this folder
  await writeFile(paths.token, await readFile(paths.adminToken), secret);
  const { adminKey, personKey, knownHosts, token } = paths;
  await handOver([adminKey, personKey, paths.sshConfig, knownHosts, token], environment.handOverTo);
  const example = reachable.find(({ node }) => node === layout.nodes.at(-1)?.name) ?? reachable[0];
  return {
    plcUrl,
    tokenFile: token,
    signInLink: (await client.createSignInLink({})).url,
    sshConfigFile: paths.sshConfig,
    sshCommand:
      example === undefined || mode === 'simulated' ? null : `ssh -F ${paths.sshConfig} ${DEMO_SLICE}@${example.node}`,
  };
}
