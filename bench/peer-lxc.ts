import { chownSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer } from './peer.ts';
import { PEER_CGROUP, PEER_ID_BASE, PEER_IDS, type PeerPlace } from './peer-place.ts';

const BRIDGE = 'plbench-br';

/** LXC with an overlay on our image and a veth on a bridge; limits and Debian's common configuration as in its templates. */
export async function prepareLxc(place: PeerPlace, { userNamespace }: { userNamespace: boolean }): Promise<Peer> {
  const path = join(place.folder, 'lxc');
  mkdirSync(path, { mode: 0o755 });
  await place.run(['ip', 'link', 'add', BRIDGE, 'type', 'bridge']);
  await place.run(['ip', 'address', 'add', '10.89.0.1/24', 'dev', BRIDGE]);
  await place.run(['ip', 'link', 'set', BRIDGE, 'up']);
  const lxc = (program: string, name: string, ...args: string[]) =>
    place.run([program, '-P', path, '-n', name, ...args]);
  const lower = userNamespace ? place.shiftedImage : place.image;
  return {
    async start(name) {
      const folder = join(path, name);
      mkdirSync(join(folder, 'delta'), { recursive: true });
      writeFileSync(join(folder, 'config'), containerConfig({ name, lower, upper: `${folder}/delta`, userNamespace }));
      if (userNamespace) {
        // its root mounts the overlay from inside and makes the work folder itself
        for (const each of [folder, `${folder}/delta`]) chownSync(each, PEER_ID_BASE, PEER_ID_BASE);
      }
      await lxc('lxc-start', name, '--daemon');
    },
    async exec(name) {
      await lxc('lxc-attach', name, '--', 'true');
    },
    async stop(name) {
      await lxc('lxc-stop', name, '--kill').catch(() => {}); // it may not run: then there is nothing to stop
      rmSync(join(path, name), { recursive: true, force: true });
    },
  };
}

interface ContainerPlan {
  readonly name: string;
  readonly lower: string;
  readonly upper: string;
  readonly userNamespace: boolean;
}

function containerConfig({ name, lower, upper, userNamespace }: ContainerPlan): string {
  const mapping = ['u', 'g'].map((kind) => `lxc.idmap = ${kind} 0 ${PEER_ID_BASE} ${PEER_IDS}\n`).join('');
  return `lxc.include = /usr/share/lxc/config/common.conf
${userNamespace ? `lxc.include = /usr/share/lxc/config/userns.conf\n${mapping}` : ''}lxc.uts.name = ${name}
lxc.rootfs.path = overlay:${lower}:${upper}
lxc.net.0.type = veth
lxc.net.0.link = ${BRIDGE}
lxc.net.0.flags = up
lxc.net.0.ipv4.address = 10.89.0.2/24
lxc.net.0.ipv4.gateway = 10.89.0.1
lxc.init.cmd = /usr/bin/sleep infinity
lxc.cgroup.dir = ${PEER_CGROUP}/${name}
lxc.cgroup.memory.limit_in_bytes = 64M
lxc.cgroup.pids.max = 64
lxc.cgroup.cpu.shares = 1024
lxc.cgroup2.memory.max = 64M
lxc.cgroup2.pids.max = 64
lxc.apparmor.profile = unconfined
`;
}
