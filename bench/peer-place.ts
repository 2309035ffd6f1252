import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  bindMountIdMapped,
  createNetworkNamespace,
  deleteNetworkNamespace,
  inNamespace,
  mountsUnder,
  removeCgroupTree,
  systemRunner,
  unmount,
} from '@planetlab/linux';

export const PEER_ID_BASE = 500_000_000;
export const PEER_IDS = 65_536;
export const PEER_CGROUP = 'planetlab-bench-peers';

/** Where another container program runs: nothing that it makes can get out of it or stay. */
export interface PeerPlace extends AsyncDisposable {
  readonly folder: string;
  /** The root file system of our image, as it is. */
  readonly image: string;
  /** The same, with ids shifted into a user namespace's. */
  readonly shiftedImage: string;
  /** Runs a program there to its end; its output. Throws CommandError. */
  run(argv: readonly [string, ...string[]], env?: Readonly<Record<string, string>>): Promise<string>;
}

/**
 * A network and a mount namespace with a sysfs of its own (LXC looks for its bridge there), held by a program that ends
 * with this one. Cgroups stay the machine's, as they are for slivers.
 */
export async function createPeerPlace(name: string): Promise<PeerPlace> {
  const namespace = `planetlab-bench-${name}`;
  const folder = mkdtempSync(join(tmpdir(), 'planetlab-bench-'));
  chmodSync(folder, 0o711); // root of a user namespace must get through
  await deleteNetworkNamespace(namespace, systemRunner); // of an earlier run that was killed
  await createNetworkNamespace(namespace, systemRunner);
  const image = imageRoot();
  const shiftedImage = join(folder, 'shifted');
  mkdirSync(shiftedImage);
  await bindMountIdMapped({ source: image, target: shiftedImage, idBase: PEER_ID_BASE, idCount: PEER_IDS });
  const holder = await hold(namespace, folder);
  return {
    ...{ folder, image, shiftedImage },
    async run(argv, env = {}) {
      const enter = ['nsenter', '-t', String(holder.pid), '-m', '-n', '--'] as const;
      const { stdout } = await systemRunner.run({ argv: [...enter, ...argv], timeoutMs: 120_000, env });
      return stdout;
    },
    async [Symbol.asyncDispose]() {
      await removeCgroupTree(PEER_CGROUP); // ends what runs in it
      const ended = once(holder, 'exit');
      holder.kill('SIGKILL');
      await ended;
      await deleteNetworkNamespace(namespace, systemRunner);
      unmount(shiftedImage);
      if (mountsUnder(folder).length > 0) throw new Error(`${folder} is still mounted`); // never delete through a mount
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function hold(namespace: string, folder: string): Promise<ChildProcess> {
  const script = `
mkdir ${folder}/cgroup
mount --rbind /sys/fs/cgroup ${folder}/cgroup
mount -t sysfs sysfs /sys
mount --rbind ${folder}/cgroup /sys/fs/cgroup
mount -t tmpfs tmpfs /run
ip link set lo up
echo ready
exec cat >/dev/null
`;
  const [program, ...enter] = inNamespace(namespace);
  const unshare = ['unshare', '--mount', '--propagation', 'private', 'sh', '-euc', script];
  const holder = spawn(program, [...enter, ...unshare], { stdio: ['pipe', 'pipe', 'inherit'] });
  const failed = once(holder, 'exit').then(([code]) => Promise.reject(new Error(`the place ended with ${code}`)));
  failed.catch(() => {}); // later it is told to
  await Promise.race([once(createInterface({ input: holder.stdout }), 'line'), failed]);
  return holder;
}

/** Folder of the image that slivers run on. */
export function imageRoot(): string {
  const images = '/var/lib/planetlab/images';
  const { digest } = JSON.parse(readFileSync(`${images}/debian-12.json`, 'utf8')) as { digest: string }; // ours
  return `${images}/rootfs/${digest.replace('sha256:', '')}`;
}
