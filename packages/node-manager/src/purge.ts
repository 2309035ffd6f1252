import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { systemRunner } from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';
import { stopSshd } from './access/ssh-access.ts';
import { NodeConfig, readConfig } from './config.ts';
import { readOptional } from './files.ts';
import { createLinuxHost } from './host/linux-host.ts';
import { NodeFile, tagOf } from './identity/identity.ts';
import { removeSocket } from './local/admin-api.ts';
import { lockOwner } from './node-lock.ts';
import { type NodePaths, nodeNames, nodePaths } from './paths.ts';

/**
 * Ends and removes everything that this node made on the host, then its state folder. It needs neither the database nor
 * the identity: only the tag, which is written down in several places. May be repeated.
 */
export async function purgeNode(stateDir: string): Promise<{ readonly tag: string | null }> {
  const { tag } = await clearHost(nodePaths(stateDir), { keepVolumes: false });
  rmSync(stateDir, { recursive: true, force: true });
  return { tag };
}

/**
 * Ends every sliver and takes everything off the host that a reboot would: the machine is as if the node were switched
 * off. State and volumes stay; when the manager runs again, it makes the slivers again whose leases still hold.
 */
export const haltNode = (stateDir: string): Promise<{ readonly tag: string | null }> =>
  clearHost(nodePaths(stateDir), { keepVolumes: true });

async function clearHost(paths: NodePaths, options: { readonly keepVolumes: boolean }) {
  const owner = lockOwner(paths.lock);
  if (owner !== undefined) {
    throw new PlanetLabError(
      'conflict',
      `The node manager (process ${owner}) still runs with ${paths.state}. Stop it first.`,
    );
  }
  checkFolder(paths);
  const tag = findTag(paths);
  if (tag !== undefined && process.getuid?.() === 0) await purgeHost(paths, tag, options);
  return { tag: tag ?? null };
}

/** A slip of the keyboard must not remove somebody's folder. */
function checkFolder(paths: NodePaths): void {
  if (!existsSync(paths.state)) return;
  const own = [paths.tag, paths.node, paths.nodeKey, paths.config, paths.database];
  if (readdirSync(paths.state).length === 0 || own.some((file) => existsSync(file))) return;
  throw new PlanetLabError(
    'malformed_request',
    `${paths.state} is not the state folder of a node: none of its files are there. Nothing was removed.`,
  );
}

async function purgeHost(paths: NodePaths, tag: string, options: { readonly keepVolumes: boolean }): Promise<void> {
  const names = nodeNames(tag);
  removeSocket(names.adminSocket);
  await stopSshd(names.sshRun);
  const host = createLinuxHost({
    paths,
    names,
    addresses: NodeConfig.parse({}),
    imageRoot: () => paths.state,
    runner: systemRunner,
  });
  const { slices, links } = host.inventory();
  // a node that only simulated made nothing, and its host may lack the tools to remove anything with
  if (existsSync(names.run) || slices.length > 0 || links.length > 0) await host.purge(options);
}

/** From the file that is written first of all; else from the configuration or the identity, whatever is readable. */
export function findTag(paths: NodePaths): string | undefined {
  if (!existsSync(paths.state)) return undefined;
  const sources = [
    () => readOptional(paths.tag)?.trim(),
    () => readConfig(paths.config).nodeTag,
    () => tagOf(NodeFile.parse(JSON.parse(readOptional(paths.node) ?? 'null')).nodeId),
  ];
  for (const source of sources) {
    const tag = orUndefined(source);
    if (tag !== undefined && /^[0-9a-f]{8}$/.test(tag)) return tag;
  }
  if (!existsSync(paths.database) && !existsSync(join(paths.state, 'slivers'))) return undefined; // it never ran
  throw new PlanetLabError(
    'malformed_request',
    `It cannot be told from ${paths.state} under which tag this node made things on the host. Write the 8 hex digits (a folder name in /run/planetlab) into ${paths.tag} and purge again.`,
  );
}

function orUndefined<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined; // a damaged file: the next source may do
  }
}
