import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Peer } from './peer.ts';
import { PEER_CGROUP, PEER_ID_BASE, PEER_IDS, type PeerPlace } from './peer-place.ts';

/** Podman with everything of its own in the folder: storage, networks, configuration. Its usual bridge network. */
export async function preparePodman(place: PeerPlace, { userNamespace }: { userNamespace: boolean }): Promise<Peer> {
  const { folder } = place;
  const config = join(folder, 'containers.conf');
  writeFileSync(
    config,
    `[engine]
cgroup_manager = "cgroupfs"
runtime = "crun"
events_logger = "none"
[network]
network_backend = "netavark"
network_config_dir = "${folder}/networks"
`,
  );
  const storage = ['--root', `${folder}/root`, '--runroot', `${folder}/runroot`, '--tmpdir', `${folder}/tmp`];
  const podman = (...args: string[]) =>
    place.run(['podman', ...storage, '--storage-driver', 'overlay', ...args], { CONTAINERS_CONF: config });
  const image = 'localhost/planetlab/debian-12';
  const archive = join(folder, 'image.tar');
  await place.run(['tar', '-C', place.image, '--numeric-owner', '-cf', archive, '.']);
  await podman('import', archive, image);
  const mapping = `0:${PEER_ID_BASE}:${PEER_IDS}`;
  const options = [
    ...(userNamespace ? ['--uidmap', mapping, '--gidmap', mapping] : []),
    ...['--cgroup-parent', PEER_CGROUP, '--memory', '64m', '--pids-limit', '64', '--cpu-shares', '1024'],
    // its defaults are more than a process without CAP_SYS_RESOURCE may give
    ...['--ulimit', 'nofile=4096:4096', '--ulimit', 'nproc=4096:4096'],
  ];
  return {
    async start(name) {
      await podman('run', '--detach', '--name', name, ...options, image, 'sleep', 'infinity');
    },
    async exec(name) {
      await podman('exec', name, 'true');
    },
    async stop(name) {
      // its own clean-up after the last process runs at the same time and may be in the way
      const remove = () => podman('rm', '--force', '--time', '0', '--ignore', name);
      await remove().catch(() => delay(500).then(remove));
    },
  };
}
