import type { HostPort } from '../config.ts';

/** Who may log in: slice to public keys, each one line as OpenSSH writes it. */
export type Accounts = Readonly<Record<string, readonly string[]>>;

export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

/** The privilege separation user without which sshd does not start, should the host have none. */
const SSHD_FALLBACK = 'sshd:*:65533:65534::/run/sshd:/usr/sbin/nologin';

/**
 * The accounts that the private sshd sees instead of the host's: one per sliver, each root, because it takes root to
 * enter a sliver; all that an account can do is to run `loginShell`. Of the host's own accounts only names are left.
 */
export function renderAccountFiles(slices: readonly string[], hostPasswd: string, loginShell: string): AccountFiles {
  const sshd = hostPasswd.split('\n').find((line) => line.startsWith('sshd:')) ?? SSHD_FALLBACK;
  const passwd = [
    'root:*:0:0:root:/:/usr/sbin/nologin',
    sshd.replace(/^sshd:[^:]*:/, 'sshd:*:'),
    ...slices.map((slice) => `${slice}:*:0:0::/:${loginShell}`),
  ];
  return { passwd: `${passwd.join('\n')}\n`, group: 'root:*:0:\ntty:*:5:\nnogroup:*:65534:\n' };
}

/** One file of keys per sliver. `restrict,pty`: a shell and commands, and nothing that goes past the sliver. */
export const renderKeys = (keys: readonly string[]): string => keys.map((key) => `restrict,pty ${key}\n`).join('');

export interface SshdConfigInput {
  readonly listen: HostPort;
  readonly hostKey: string;
  readonly keysFolder: string;
  readonly pidFile: string;
}

/** Configuration of the sshd through which people reach slivers. Nothing in it depends on who they are. */
export function renderSshdConfig({ listen, hostKey, keysFolder, pidFile }: SshdConfigInput): string {
  const host = listen.host.includes(':') ? `[${listen.host}]` : listen.host;
  return `# written by the node manager
ListenAddress ${host}:${listen.port}
HostKey ${hostKey}
PidFile ${pidFile}
AuthorizedKeysFile ${keysFolder}/%u
AuthenticationMethods publickey
PubkeyAuthentication yes
PasswordAuthentication no
KbdInteractiveAuthentication no
HostbasedAuthentication no
PermitEmptyPasswords no
UsePAM no
# every account is root outside and can only enter its sliver
PermitRootLogin prohibit-password
DenyUsers root
StrictModes yes
UseDNS no
DisableForwarding yes
# run by the login shell as every command: it is the sliver's own
Subsystem sftp /usr/lib/openssh/sftp-server
PermitTunnel no
PermitUserEnvironment no
PermitUserRC no
PrintLastLog no
PrintMotd no
MaxAuthTries 10
MaxSessions 20
MaxStartups 50:30:200
LoginGraceTime 30
ClientAliveInterval 30
ClientAliveCountMax 3
# a connection costs the node two processes; one in which nothing runs is not counted by the login shell
UnusedConnectionTimeout 1m
`;
}

export interface LoginShellInput {
  /** The VMM's way into a machine: the runtime with its options. */
  readonly runtime: readonly [string, ...string[]];
  readonly nodeName: string;
  /** Where the runtime makes the copy of itself that it starts from: one that is killed meanwhile leaves it there. */
  readonly copies: string;
  /** Where each login holds the lock of a file for as long as it lasts. */
  readonly slots: string;
  /** Most logins to one sliver at a time: each costs processes that are charged to the node. */
  readonly most: number;
}

/** The shell of every account: goes into the sliver, with or without a terminal, and ends as what runs there ends. */
export function renderLoginShell({ runtime, nodeName, copies, slots, most }: LoginShellInput): string {
  const command = runtime.map(quote).join(' ');
  return `#!/bin/sh
# written by the node manager
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
_LIBCONTAINER_STATEDIR=${quote(copies)}
export PATH _LIBCONTAINER_STATEDIR
slice=$USER
case $slice in
  '' | *[!a-z0-9._]*) echo 'PlanetLab: this is not an account of a sliver.' >&2; exit 254 ;;
esac
case \${TERM:-} in
  '' | *[!A-Za-z0-9._+-]*) TERM=dumb ;;
esac
if ! ${command} state "$slice" 2>/dev/null | grep -q '"status": *"running"'; then
  echo "PlanetLab: $slice is not running on ${nodeName} at the moment; its state and the reason are shown by: planetlab slice show $slice" >&2
  exit 254
fi
# the lock is held by what this shell becomes
slot=0
while exec 9>>${quote(slots)}/"$slice.$slot"; ! flock -n 9; do
  slot=$((slot + 1))
  if [ $slot -ge ${most} ]; then
    echo "PlanetLab: $slice has ${most} logins on ${nodeName}, which is the most at a time; end one of them first" >&2
    exit 254
  fi
done
if [ "\${1:-}" = -c ]; then
  set -- /bin/sh -c 'cd; if [ -x /bin/bash ]; then exec /bin/bash -c "$1"; fi; exec /bin/sh -c "$1"' sh "$2"
else
  set -- /bin/sh -c 'cd; if [ -x /bin/bash ]; then exec /bin/bash -l; fi; exec /bin/sh -l'
fi
tty=
if [ -t 0 ]; then tty=--tty; fi
# as for every program in a sliver: the runtime's command line has no such option
exec prlimit --core=1:1 --sigpending=1024:1024 ${command} exec $tty \\
  --env HOME=/root --env USER=root --env LOGNAME=root --env SHELL=/bin/sh --env "TERM=$TERM" \\
  --env "PLANETLAB_SLICE=$slice" --env ${quote(`PLANETLAB_NODE=${nodeName}`)} \\
  "$slice" "$@"
`;
}

const quote = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
