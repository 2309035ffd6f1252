import { existsSync, rmdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  inNamespace,
  isErrno,
  listNetworkNamespaces,
  readCgroupHierarchies,
  removeProbeLeftovers,
  unmountUnder,
} from '@planetlab/linux';
import { messageOf, PlanetLabError } from '@planetlab/model';
import { handedOverPaths, type LabEnvironment, type LabPaths, labPaths, systemEnvironment } from './environment.ts';
import { readFacts } from './facts.ts';
import { namespacePrefix } from './layout.ts';
import { withLabLock } from './lock.ts';
import { prefixed, removeNetwork } from './network.ts';
import { labProcesses, runMarked, stopProcesses } from './processes.ts';
import type { LabPart, ReportProgress } from './types.ts';
import { mapBounded } from './wait.ts';

const GRACE_MS: Readonly<Record<LabPart, number>> = { node: 10_000, plc: 20_000, wan: 2000, other: 100 };
const PURGE_TIMEOUT_MS = 90_000;

/** Stops and removes the lab, whatever state it is in. True when there was anything. Failures are tried again by calling again. */
export async function labDown(
  name: string,
  options: { readonly progress: ReportProgress; readonly environment?: LabEnvironment },
): Promise<boolean> {
  const environment = options.environment ?? systemEnvironment();
  await refuseHandedOver(environment, name);
  return withLabLock(name, () => takeDown(environment, name, options.progress));
}

/** A lab that was started through sudo is this person's to use, but only root can remove what it has made. */
async function refuseHandedOver(environment: LabEnvironment, name: string): Promise<void> {
  const handedOver = handedOverPaths(environment, name);
  if (process.getuid?.() === 0 || existsSync(labPaths(environment, name).root)) return;
  if ((await readFacts(handedOver)) == null) return;
  throw new PlanetLabError(
    'forbidden',
    `The lab "${name}" was started through sudo, and ends the same way: sudo npm run pl -- lab down --name ${name}`,
  );
}

/** The same for whoever has the lock. */
export async function takeDown(environment: LabEnvironment, name: string, progress: ReportProgress): Promise<boolean> {
  const paths = labPaths(environment, name);
  const there = (await readFacts(paths)) !== undefined || existsSync(paths.root);
  const running = process.platform === 'linux' && labProcesses(paths, environment.programs).length > 0;
  const failures: string[] = [];
  const step = async (text: string, work: () => Promise<void>): Promise<void> => {
    if (there || running) progress({ kind: 'step', text });
    await work().catch((error: unknown) => failures.push(`${text}: ${messageOf(error)}`));
  };
  await step('stopping the nodes', async () => {
    await stopPart(environment, paths, 'node');
    await purgeNodes(environment, paths, name);
  });
  await step('stopping the PLC', async () => {
    await stopPart(environment, paths, 'plc');
    if (existsSync(paths.plc)) await purge(environment, paths, { program: environment.programs.plc, state: paths.plc });
  });
  await step('removing the network', async () => {
    for (const part of ['wan', 'other'] as const) await stopPart(environment, paths, part);
    if (process.getuid?.() !== 0) return; // then there is none
    await removeNetwork(name, environment.runner);
    await removeProbeLeftovers(environment.runner); // of nodes that were killed while they tried the host
    removeSharedFolders();
  });
  if (failures.length === 0) await step('removing the state', () => removeState(paths));
  if (failures.length > 0) {
    throw new PlanetLabError(
      'step_failed',
      `Not all of the lab "${name}" could be removed; try \`pl lab down --name ${name}\` again. ${failures.join(' ')}`,
    );
  }
  return there || running;
}

async function stopPart({ programs }: LabEnvironment, paths: LabPaths, part: LabPart): Promise<void> {
  if (process.platform !== 'linux') return;
  const pids = labProcesses(paths, programs).filter((found) => found.part === part);
  await stopProcesses(
    pids.map(({ pid }) => pid),
    GRACE_MS[part],
  );
}

/** Each node removes what it made: slivers, mounts, links, cgroups, tables, its sshd; then its state. */
async function purgeNodes(environment: LabEnvironment, paths: LabPaths, labName: string): Promise<void> {
  const namespaces = new Set(process.platform === 'linux' ? listNetworkNamespaces() : []);
  const failures: unknown[] = [];
  await mapBounded(await entries(paths.nodes), 4, async (node) => {
    const namespace = `${namespacePrefix(labName)}${node}`;
    // Without its namespace the node's links and tables are gone already.
    const prefix = namespaces.has(namespace) ? inNamespace(namespace) : [];
    const what = { program: environment.programs.nodeManager, state: join(paths.nodes, node), prefix };
    await purge(environment, paths, what).catch((error: unknown) => failures.push(error));
  });
  if (failures.length > 0) throw new AggregateError(failures, failures.map(messageOf).join(' '));
}

async function purge(
  environment: LabEnvironment,
  paths: LabPaths,
  what: { readonly program: string; readonly state: string; readonly prefix?: readonly string[] },
): Promise<void> {
  const argv = prefixed(what.prefix ?? [], [environment.programs.node, what.program, 'purge', '--state', what.state]);
  await runMarked(environment, paths, { argv, timeoutMs: PURGE_TIMEOUT_MS });
}

/** What all nodes of a machine share goes with the last of them. */
function removeSharedFolders(): void {
  const groups = readCgroupHierarchies().map(({ mountPoint }) => join(mountPoint, 'planetlab'));
  for (const folder of ['/run/planetlab', ...groups]) {
    try {
      rmdirSync(folder);
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENOTEMPTY', 'EBUSY', 'EROFS')) throw error;
    }
  }
}

async function removeState(paths: LabPaths): Promise<void> {
  if (process.getuid?.() === 0) unmountUnder(paths.root);
  await rm(paths.root, { recursive: true, force: true });
}

async function entries(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return [];
    throw error;
  }
}
