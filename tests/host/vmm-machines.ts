import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  bindMountIdMapped,
  mountOverlay,
  prepareOverlayFolders,
  removeCgroupTree,
  systemRunner,
  unmountUnder,
} from '@planetlab/linux';
import type { MachineId, MachineSpec } from '@planetlab/vmm';
import type { VmmContext } from '@planetlab/vmm/conformance';
import { createOciVmm, findRuntime, type RuntimeName } from '@planetlab/vmm/oci';

/** Why tests that need root are skipped, or undefined when they can run. */
export const whyNotRoot = (): string | undefined =>
  process.platform === 'linux' && process.getuid?.() === 0 ? undefined : 'needs root on Linux';

export const INIT_PATH = '/usr/bin/catatonit';
const ID_COUNT = 65_536;
const FIRST_ID_BASE = 2_000_000;

const PROGRAMS = 'sh cat cp echo env false grep head id ls mkdir mount sleep stat stty tail touch true unshare'.split(
  ' ',
);

/** Makes a small root from programs of this host and the libraries they need: files, owned by root, about 10 MB. */
export function makeBaseRoot(target: string): void {
  for (const folder of ['usr/bin', 'usr/lib', 'usr/lib64', 'etc', 'proc', 'sys', 'dev', 'root', 'tmp', 'mnt']) {
    mkdirSync(join(target, folder), { recursive: true });
  }
  for (const folder of ['bin', 'lib', 'lib64']) symlinkSync(`usr/${folder}`, join(target, folder));
  writeFileSync(join(target, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\n');
  const files = new Set<string>();
  for (const program of PROGRAMS) {
    const path = execFileSync('which', [program], { encoding: 'utf8' }).trim();
    files.add(path);
    const libraries = execFileSync('ldd', [path], { encoding: 'utf8' });
    for (const match of libraries.matchAll(/(\/\S+) \(0x/g)) if (match[1] !== undefined) files.add(match[1]);
  }
  for (const file of files) {
    const destination = join(target, file.startsWith('/usr/') ? file : `/usr${file}`);
    mkdirSync(dirname(destination), { recursive: true });
    cpSync(realpathSync(file), destination);
  }
}

/** A driver over real containers in a folder of its own; disposing leaves nothing of it on the host. */
export interface OciContext extends VmmContext {
  readonly folder: string;
  readonly cgroupParent: string;
  readonly runtimeRoot: string;
  readonly bundleRoot: string;
  rootOf(id: MachineId): string;
}

export async function makeOciContext(only: RuntimeName, base: string): Promise<OciContext> {
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-vmm-'));
  execFileSync('chmod', ['711', folder]); // root of a machine passes through it as somebody else
  const cgroupParent = `planetlab-test-${process.pid}`;
  const runtime = await findRuntime(systemRunner, { initPath: INIT_PATH, only });
  const [runtimeRoot, bundleRoot] = [join(folder, 'run'), join(folder, 'bundles')];
  const options = { runner: systemRunner, runtime, runtimeRoot, bundleRoot, cgroupParent, initPath: INIT_PATH };
  const open = () => createOciVmm(options);
  const vmm = open();
  let nextIdBase = FIRST_ID_BASE;
  const rootOf = (id: MachineId) => join(folder, 'roots', id, 'root');
  return {
    ...{ vmm, folder, cgroupParent, runtimeRoot, bundleRoot, rootOf },
    reopen: async () => open(),
    makeSpec: async (id): Promise<MachineSpec> => {
      const idBase = nextIdBase;
      nextIdBase += ID_COUNT;
      const path = (name: string) => join(folder, 'roots', id, name);
      prepareOverlayFolders({ upper: path('upper'), work: path('work'), target: path('root') }, idBase);
      mkdirSync(path('lower'), { recursive: true });
      await bindMountIdMapped({ source: base, target: path('lower'), idBase, idCount: ID_COUNT });
      await mountOverlay({ lower: path('lower'), upper: path('upper'), work: path('work'), target: path('root') });
      const limits = { cpuShares: 1, memoryMiB: 128, processes: 64 };
      return { id, hostname: `host-${id}`, rootPath: path('root'), idBase, idCount: ID_COUNT, limits };
    },
    [Symbol.asyncDispose]: async () => {
      for (const { id } of await vmm.list()) await vmm.destroy(id);
      unmountUnder(folder);
      await removeCgroupTree(cgroupParent);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
