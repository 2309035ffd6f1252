import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { CommandRunner } from '@planetlab/linux';
import { isPlanetLabError, messageOf } from '@planetlab/model';
import type { Vmm } from '@planetlab/vmm';
import type { NodeConfig } from './config.ts';
import type { Host } from './host/host.ts';
import { createImageStore, createSimulatedImages, type ImageStore } from './images/image-store.ts';
import type { Logger } from './logger.ts';
import type { NodeNames, NodePaths } from './paths.ts';
import { ABOUT_FILE } from './slivers/about.ts';

/** What runs slivers, and on what. */
export interface Backend {
  readonly vmm: Vmm;
  readonly host: Host;
  readonly images: ImageStore;
  readonly simulated: boolean;
  /** The runtime's command with its options, by which a login enters a sliver; null where nothing really runs. */
  readonly runtime: readonly [string, ...string[]] | null;
}

export interface BackendOptions {
  readonly config: NodeConfig;
  readonly paths: NodePaths;
  readonly names: NodeNames;
  readonly runner: CommandRunner;
  readonly logger: Logger;
}

/** Containers or the simulation, as the owner says; with `auto`, containers wherever they work. */
export async function createBackend(options: BackendOptions): Promise<Backend> {
  const { vmm } = options.config;
  if (vmm === 'simulated') return simulated(options, 'The owner has chosen the simulation in config.json.');
  if (vmm === 'oci') return containers(options);
  if (process.getuid?.() !== 0) return simulated(options, 'Containers need root; this process does not run as root.');
  try {
    return await containers(options);
  } catch (error) {
    if (!isPlanetLabError(error, 'feature_missing')) throw error;
    return simulated(options, messageOf(error));
  }
}

async function containers({ config, paths, names, runner, logger }: BackendOptions): Promise<Backend> {
  const [{ createOciVmm, findRuntime }, { createLinuxHost }] = await Promise.all([
    import('@planetlab/vmm/oci'),
    import('./host/linux-host.ts'),
  ]);
  const runtime = await findRuntime(runner, { initPath: config.initPath });
  const images = createImageStore(config.imagesDir, logger);
  openFolders('/run/planetlab', names.run);
  return {
    vmm: createOciVmm({
      runner,
      runtime,
      runtimeRoot: names.runtimeRoot,
      bundleRoot: paths.bundles,
      cgroupParent: names.cgroupParent,
      initPath: config.initPath,
      logger,
    }),
    host: createLinuxHost({
      paths,
      names,
      addresses: config,
      imageRoot: images.root,
      runner,
      cpuWeight: config.cpuWeight,
      diskBound: config.diskBound,
      mountTimeoutMs: config.stepTimeoutMs,
    }),
    images,
    simulated: false,
    runtime: [runtime.path, '--root', names.runtimeRoot],
  };
}

/** Roots of slivers are below them, and root inside a sliver, nobody outside, must get through. */
function openFolders(...folders: readonly string[]): void {
  for (const folder of folders) {
    mkdirSync(folder, { recursive: true });
    chmodSync(folder, 0o711);
  }
}

async function simulated({ config, paths, logger }: BackendOptions, why: string): Promise<Backend> {
  logger.warn({ why }, 'slivers are only simulated');
  const [{ createSimulatedVmm }, { createSimulatedHost }] = await Promise.all([
    import('@planetlab/vmm/simulated'),
    import('./host/simulated-host.ts'),
  ]);
  const host = createSimulatedHost({ stateDir: paths.state, why });
  return {
    vmm: createSimulatedVmm({
      rttMs: (address) => simulatedRttMs(config, address),
      readFile: (path) =>
        basename(path) === ABOUT_FILE ? host.observe(basename(dirname(path)), null).about : undefined,
    }),
    host,
    images: createSimulatedImages(),
    simulated: true,
    runtime: null,
  };
}

/** How far away an address is in the simulation; undefined for one that nobody there has. */
function simulatedRttMs({ simulatedRttMs: byPrefix }: NodeConfig, address: string): number | undefined {
  return Object.entries(byPrefix).find(([prefix]) => address.startsWith(prefix.replace(/:\/64$/, '')))?.[1];
}

/** Resolver configuration to show inside: the real one, where the host's own file only names a local cache. */
export const resolvConf = (): string | undefined =>
  ['/run/systemd/resolve/resolv.conf', '/etc/resolv.conf'].find((path) => existsSync(path));
