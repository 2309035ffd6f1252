import { closeSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CommandRunner, ensureRuntimeCgroups, findProgram, removeCgroupTree, sealedCopy } from '@planetlab/linux';
import { messageOf, PlanetLabError } from '@planetlab/model';
import type { OciRuntime } from './oci-vmm.ts';
import type { RuntimeName } from './runtime-state.ts';

/** In the order in which they are tried: crun starts a machine in a third of runc's time. */
const RUNTIMES: readonly RuntimeName[] = ['crun', 'runc'];

export interface FindRuntimeOptions {
  /** Absolute path of catatonit, which is run once in a container of its own to see that the runtime works. */
  readonly initPath: string;
  /** Only this one; by default crun, or runc where crun does not work. */
  readonly only?: RuntimeName;
}

/** The first runtime that is installed and really runs something here. Throws `feature_missing` with each one's reason. */
export async function findRuntime(runner: CommandRunner, options: FindRuntimeOptions): Promise<OciRuntime> {
  ensureRuntimeCgroups();
  const reasons: string[] = [];
  for (const name of RUNTIMES.filter((each) => options.only === undefined || each === options.only)) {
    try {
      const { program, version } = await runnableProgram(name, runner);
      await runOnce(program, options.initPath, runner);
      return { name, path: name, program, version };
    } catch (error) {
      reasons.push(`${name}: ${messageOf(error)}`);
    }
  }
  throw new PlanetLabError('feature_missing', `No container runtime works here. Install crun. ${reasons.join(' ')}`);
}

/**
 * A copy that starts in half the time and leaves no file when it is killed, where this host runs such copies. Its
 * descriptor is open as long as this process.
 */
async function runnableProgram(name: RuntimeName, runner: CommandRunner) {
  const path = findProgram(name);
  const fd = path === undefined ? undefined : sealedCopy(path);
  if (fd !== undefined) {
    const program = `/proc/${process.pid}/fd/${fd}`;
    try {
      return { program, version: await versionOf(program, runner) };
    } catch {
      closeSync(fd); // files in memory may not be run here
    }
  }
  return { program: name, version: await versionOf(name, runner) };
}

const versionOf = async (program: string, runner: CommandRunner): Promise<string> =>
  versionIn((await runner.run({ argv: [program, '--version'] })).stdout);

/** `1.8.1` of `crun version 1.8.1`. */
export const versionIn = (text: string): string => /version (\S+)/.exec(text)?.[1] ?? 'of unknown version';

async function runOnce(runtime: string, initPath: string, runner: CommandRunner): Promise<void> {
  const id = `planetlab-probe-${process.pid}`; // by this name whoever looks next finds what a kill leaves of it
  const bundle = mkdtempSync(join(tmpdir(), `${id}-`));
  try {
    for (const folder of ['', 'proc', 'dev']) mkdirSync(join(bundle, 'root', folder));
    writeFileSync(join(bundle, 'root', 'init'), '');
    writeFileSync(join(bundle, 'config.json'), JSON.stringify(trialConfig(id, initPath)));
    const state = join(bundle, 'state');
    await runner.run({ argv: [runtime, '--root', state, 'run', '--no-new-keyring', '--bundle', bundle, id] });
  } finally {
    await removeCgroupTree(id);
    rmSync(bundle, { recursive: true, force: true });
  }
}

/** The smallest container that exercises namespaces, cgroups and mounts. */
const trialConfig = (id: string, initPath: string) => ({
  ociVersion: '1.0.2',
  process: { user: { uid: 0, gid: 0 }, args: ['/init', '--version'], cwd: '/', env: [] },
  root: { path: 'root' },
  mounts: [
    { destination: '/proc', type: 'proc', source: 'proc' },
    { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'size=64k'] },
    { destination: '/init', type: 'bind', source: initPath, options: ['bind', 'ro'] },
  ],
  linux: {
    namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
    cgroupsPath: `/${id}`,
    resources: { pids: { limit: 16 } },
  },
});
