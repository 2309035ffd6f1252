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
import { takeNodeLock } from './node-lock.ts';
import { type NodePaths, nodeNames, nodePaths } from './paths.ts';

/**
 * Ends and removes everything that this node made on the host, then its state folder. It needs neither the database nor
 * the identity: only the tag, which is written down in several places. May be repeated.
 */
export async function purgeNode(stateDir: string): Promise<{ readonly tag: string | null }> {
  const paths = nodePaths(stateDir);
  using _lock = lockState(paths);
  const tag = await clearHost(paths, { keepVolumes: false });
  removeState(paths);
  return { tag };
}

/**
 * Ends every sliver and takes everything off the host that a reboot would: the machine is as if the node were switched
 * off. State and volumes stay; when the manager runs again, it makes the slivers again whose leases still hold.
 */
export async function haltNode(stateDir: string): Promise<{ readonly tag: string | null }> {
  const paths = nodePaths(stateDir);
  using _lock = lockState(paths);
  return { tag: await clearHost(paths, { keepVolumes: true }) };
}

/** No manager runs, and none can start in the middle of it. */
function lockState(paths: NodePaths): Disposable | undefined {
  checkFolder(paths);
  return existsSync(paths.state) ? takeNodeLock(paths.lock) : undefined;
}

async function clearHost(paths: NodePaths, options: { readonly keepVolumes: boolean }): Promise<string | null> {
  const tag = findTag(paths);
  if (tag !== undefined && process.getuid?.() === 0) await purgeHost(paths, tag, options);
  return tag ?? null;
}

/** The lock last: whoever starts a manager meanwhile finds it taken, or nothing. */
function removeState({ state, lock }: NodePaths): void {
  if (!existsSync(state)) return;
  for (const name of readdirSync(state))
    if (join(state, name) !== lock) rmSync(join(state, name), { recursive: true, force: true });
  rmSync(state, { recursive: true, force: true });
}

/** A slip of the keyboard must not remove somebody's folder. */
function checkFolder(paths: NodePaths): void {
  if (!existsSync(paths.state)) return;
  const own = [paths.tag, paths.node, paths.nodeKey, paths.config, paths.database];
  const isBare = readdirSync(paths.state).every((name) => join(paths.state, name) === paths.lock);
  if (isBare || own.some((file) => existsSync(file))) return;
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
