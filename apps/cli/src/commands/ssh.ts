import { spawn } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, PlanetLabError } from '@planetlab/model';
import { ExitWith } from '../exit.ts';
import { leaf } from '../leaf.ts';
import { reasonLine } from '../output/reasons.ts';
import type { Register } from '../program.ts';
import { type Plc, withClient } from '../session/client.ts';
import { findSliver, sliverTarget } from '../slivers/target.ts';

export const register: Register = (command, io) => {
  leaf(
    command.arguments('<slice@node> [arguments...]'),
    io,
    { example: 'pl ssh princeton_codeen@planetlab1.eth -- -L 8080:localhost:80' },
    (invocation, target: string, given: string[]) =>
      withClient(invocation, async (plc) => {
        const sliver = await findSliver(plc, sliverTarget(target));
        if (sliver.ssh === null) throw noSsh(target, reasonLine(sliver.reason));
        const argv = await sshArguments(plc, sliver.slice, sliver.node, sliver.ssh);
        if (invocation.verbose) io.stderr.write(`> ssh ${[...argv, ...given].join(' ')}\n`);
        throw new ExitWith(await runSsh([...argv, ...given]));
      }),
  );
};

const noSsh = (target: string, reason: string) =>
  new PlanetLabError(
    'feature_missing',
    `There is no way in by SSH to ${target}${reason === '' ? '' : `: ${reason}`}; try \`pl exec -t ${target}\`.`,
  );

/**
 * A node is known by its id: addresses and ports are used again by others. Its key is taken on first sight into a file of
 * our own. A lab brings a configuration with keys for its people.
 */
async function sshArguments(
  plc: Plc,
  login: string,
  node: string,
  way: { host: string; port: number },
): Promise<string[]> {
  const { folder, sshConfigFile } = plc.settings;
  if (sshConfigFile !== undefined) return ['-F', sshConfigFile, '-p', String(way.port), '-l', login, way.host];
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const { id } = await plc.client.getNode({ params: { node } });
  return [
    ...['-o', `HostKeyAlias=planetlab-node-${id}`, '-o', 'CheckHostIP=no'],
    ...['-o', 'StrictHostKeyChecking=accept-new', '-o', `UserKnownHostsFile="${join(folder, 'known_hosts')}"`],
    ...['-p', String(way.port), '-l', login, way.host],
  ];
}

async function runSsh(argv: readonly string[]): Promise<number> {
  const child = spawn('ssh', argv, { stdio: 'inherit' });
  return new Promise((resolve, reject) => {
    child.once('error', (cause) =>
      reject(new PlanetLabError('command_not_found', `ssh could not be started: ${messageOf(cause)}.`, { cause })),
    );
    child.once('exit', (code) => resolve(code ?? 255));
  });
}
