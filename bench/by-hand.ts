/** A container as one would make it by hand: the same namespaces, overlay and link as a sliver's, and nothing else. */

const BASE_ID = 500_000_000;

export function byHandScript({ folder, image, runtime }: { folder: string; image: string; runtime: string }) {
  const start = `
cd ${folder}
mkdir -p upper work root
chmod 755 .
chown ${BASE_ID}:${BASE_ID} upper
mount -t overlay overlay -o lowerdir=${image},upperdir=upper,workdir=work root
${runtime} --root ${folder}/run create --no-new-keyring --bundle ${folder}/bundle --pid-file ${folder}/pid byhand </dev/null >/dev/null 2>&1
pid=$(cat pid)
ip link add plbench0 type veth peer name eth0 netns $pid
ip address add 169.254.1.1/32 dev plbench0
ip link set plbench0 up
ip route add 100.97.0.2/32 dev plbench0
nsenter -t $pid -n sh -c 'ip link set lo up; ip link set eth0 up; ip address add 100.97.0.2/32 dev eth0; ip route add default via 169.254.1.1 dev eth0 onlink'
${runtime} --root ${folder}/run start byhand
`;
  const stop = `
cd ${folder}
${runtime} --root ${folder}/run delete --force byhand 2>/dev/null || true
umount root 2>/dev/null || true
rm -rf upper work
`;
  return { start, stop };
}

/** The runtime's config.json, without a seccomp profile or masked paths: less than a sliver has. */
export function byHandBundle(folder: string): string {
  const mapping = [{ containerID: 0, hostID: BASE_ID, size: 65_536 }];
  const capabilities = ['CAP_CHOWN', 'CAP_NET_RAW', 'CAP_SETUID', 'CAP_SETGID', 'CAP_KILL'];
  return JSON.stringify({
    ociVersion: '1.0.2',
    process: {
      user: { uid: 0, gid: 0 },
      args: ['/.planetlab/init', '-P'],
      env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'],
      cwd: '/',
      capabilities: { bounding: capabilities, effective: capabilities, permitted: capabilities },
    },
    root: { path: `${folder}/root` },
    hostname: 'byhand',
    mounts: [
      { destination: '/proc', type: 'proc', source: 'proc' },
      { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=64k'] },
      {
        destination: '/dev/pts',
        type: 'devpts',
        source: 'devpts',
        options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666'],
      },
      { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'nodev', 'size=64m'] },
      { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
      { destination: '/.planetlab/init', type: 'bind', source: '/usr/bin/catatonit', options: ['bind', 'ro'] },
    ],
    linux: {
      namespaces: ['pid', 'network', 'ipc', 'uts', 'mount', 'user', 'cgroup'].map((type) => ({ type })),
      uidMappings: mapping,
      gidMappings: mapping,
      cgroupsPath: '/planetlab-bench/byhand',
      resources: { memory: { limit: 64 * 2 ** 20 }, cpu: { shares: 1024 }, pids: { limit: 64 } },
    },
  });
}
