import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { listLinks, mountsUnder, readCgroupHierarchies } from '@planetlab/linux';
import { type LabEnvironment, labPaths, systemEnvironment } from './environment.ts';
import { hubDevice, labLayout, MAX_NODES } from './layout.ts';
import { labNamespaces } from './network.ts';
import { nodeTag } from './nodes.ts';
import { labProcesses } from './processes.ts';
import type { Leftover } from './types.ts';

/** How deep below a cgroup hierarchy's root PlanetLab's own groups are looked for. */
const CGROUP_DEPTH = 4;

/**
 * Everything on this machine that still carries the lab's name or mark. Empty after `down`: what a test proves.
 * Reads the kernel, not the lab's own notes.
 */
export async function leftovers(
  name: string,
  environment: LabEnvironment = systemEnvironment(),
): Promise<readonly Leftover[]> {
  const paths = labPaths(environment, name);
  const tags = labLayout({ name, nodes: MAX_NODES, subnet: 0 }).nodes.map((node) => nodeTag(name, node.name));
  const tagged = (text: string): boolean => tags.some((tag) => text.includes(tag));
  const found = <K extends Leftover['kind']>(kind: K, names: readonly string[]): Leftover[] =>
    names.map((thing) => ({ kind, name: thing }));
  return [
    ...found(
      'process',
      labProcesses(paths, environment.programs).map(({ pid, command }) => `${pid} ${command}`),
    ),
    ...found('network namespace', labNamespaces(name)),
    ...found(
      'link',
      listLinks().filter((link) => link === hubDevice(name) || tagged(link)),
    ),
    ...found(
      'mount',
      mountsUnder('/').filter((point) => point.startsWith(`${paths.root}/`) || tagged(point)),
    ),
    ...found(
      'cgroup',
      readCgroupHierarchies().flatMap(({ mountPoint }) => taggedFolders(mountPoint, tagged, CGROUP_DEPTH)),
    ),
    ...found('nftables table', (await tables(environment)).filter(tagged)),
    ...found(
      'state',
      [paths.root, ...tags.map((tag) => `/run/planetlab/${tag}`)].filter((path) => existsSync(path)),
    ),
  ];
}

function taggedFolders(folder: string, tagged: (text: string) => boolean, depth: number): readonly string[] {
  if (depth === 0) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return tagged(entry.name) ? [path] : taggedFolders(path, tagged, depth - 1);
    });
}

/** Tables of the root namespace: those of nodes went with theirs. */
async function tables({ runner }: LabEnvironment): Promise<readonly string[]> {
  if (process.getuid?.() !== 0) return []; // then it could not make any either
  const { stdout } = await runner.run({ argv: ['nft', 'list', 'tables'] });
  return stdout.split('\n').filter((line) => line !== '');
}
