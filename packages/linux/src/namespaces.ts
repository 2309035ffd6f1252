import { closeSync, constants, existsSync, openSync, readdirSync, unlinkSync } from 'node:fs';
import type { CommandRunner } from './command.ts';
import { isMountPoint } from './mounts.ts';
import { check, cLibrary } from './syscalls.ts';

const NAMESPACE_DIR = '/run/netns';
const CLONE_NEWNET = 0x40000000;

/** Where a named network namespace is found; the place `ip netns` uses. */
export const namespacePath = (name: string): string => `${NAMESPACE_DIR}/${checkedName(name)}`;

/** Makes a named network namespace. No effect when it is there. */
export async function createNetworkNamespace(name: string, runner: CommandRunner): Promise<void> {
  const path = namespacePath(name);
  if (existsSync(path)) {
    if (isMountPoint(path)) return;
    unlinkSync(path); // an earlier `ip netns add` was killed between making the file and mounting the namespace on it
  }
  await runner.run({ argv: ['ip', 'netns', 'add', name] });
}

/** Removes a named network namespace with all links in it. No effect when it is not there, or goes meanwhile. */
export async function deleteNetworkNamespace(name: string, runner: CommandRunner): Promise<void> {
  if (!existsSync(namespacePath(name))) return;
  await runner.run({ argv: ['ip', 'netns', 'delete', name] }).catch((error: unknown) => {
    if (existsSync(namespacePath(name))) throw error; // else another process removed it at the same time
  });
}

/** Names of all named network namespaces of this host. */
export const listNetworkNamespaces = (): readonly string[] =>
  existsSync(NAMESPACE_DIR) ? readdirSync(NAMESPACE_DIR).sort() : [];

/**
 * What to put before a command so that it runs in a named network namespace.
 * Not `ip netns exec`: that remounts /sys and thereby hides the cgroup file systems.
 */
export const inNamespace = (name: string): [string, ...string[]] => ['nsenter', `--net=${namespacePath(name)}`, '--'];

/** Runs `fn`, which must not wait for anything, with this thread in another network namespace, and comes back. */
export function withNetworkNamespace<T>(path: string, fn: () => T): T {
  const flags = constants.O_RDONLY;
  const own = openSync('/proc/thread-self/ns/net', flags);
  try {
    const other = openSync(path, flags);
    try {
      check(cLibrary().setns(other, CLONE_NEWNET), 'setns', path);
    } finally {
      closeSync(other);
    }
    try {
      return fn();
    } finally {
      check(cLibrary().setns(own, CLONE_NEWNET), 'setns', 'back to the own network namespace');
    }
  } finally {
    closeSync(own);
  }
}

function checkedName(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9_.@-]{0,127}$/.test(name)) {
    throw new RangeError(`not a name for a network namespace: ${JSON.stringify(name)}`);
  }
  return name;
}
