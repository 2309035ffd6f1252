/**
 * `package-node-cycle.ts PID`: the second half of tools/package/try-node-package.sh. The machine is the mount namespace
 * of that process; its network is a namespace made here. Prints what it has shown; any failure ends it.
 */
import assert from 'node:assert/strict';
import { inNamespace, readCgroupHierarchies, systemRunner } from '@planetlab/linux';
import { NodeName } from '@planetlab/model';
import {
  createTestNetwork,
  eventually,
  HOST_IPV4,
  leaseFor,
  nodeClient,
  startAuthority,
  untilState,
} from './node-fixture.ts';

const [holder = ''] = process.argv.slice(2);
const { namespace, ...network } = await createTestNetwork('package');
await using stack = new AsyncDisposableStack();
stack.use(network);

const environment = ['env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root', 'DEBIAN_FRONTEND=noninteractive'];
/** Runs a command on the machine. */
const machine = async (script: string, input = ''): Promise<string> => {
  const enter = [...inNamespace(namespace), 'nsenter', '--target', holder, '--mount', '--', ...environment] as const;
  const { stdout } = await systemRunner.run({ argv: [...enter, 'sh', '-euc', script], input, timeoutMs: 300_000 });
  return stdout.trim();
};
const shown = (what: string): void => void process.stdout.write(`ok  ${what}\n`);

// should anything fail, nothing of it runs on
stack.defer(async () => void (await machine('if command -v pl-node >/dev/null; then pl-node leave --yes; fi')));

assert.match(await machine('pl-node status'), /not joined: manager not running/);
assert.equal(await machine('test -e /run/planetlab-node.pid && echo runs || echo does not'), 'does not');
shown('installed; nothing runs before the machine has joined');

const authority = stack.use(await startAuthority(HOST_IPV4));
const joined = await machine('pl-node join -', authority.invitation(NodeName.parse('packaged')));
assert.match(joined, /joined as packaged/);
let caller = nodeClient(authority.identity, await authority.uplinked());
shown(`${joined}; its uplink is open`);

await caller.client.requestLease({ body: leaseFor('test_packaged') });
await untilState(caller.client, 'test_packaged', 'running');
// as docs/operating/node.md prints them
for (const command of [
  'pl-node stop test_packaged --reason "port scans"',
  'pl-node start test_packaged',
  'pl-node drain --reason "new disk on Friday"',
  'pl-node undrain',
  'pl-node ban test_other --reason "port scans"',
  'pl-node bans',
  'pl-node unban test_other',
  'pl-node status',
  'pl-node steps test_packaged --limit 6',
  'pl-node logs',
  'pl-node image list',
  'tar -C /var/lib/planetlab/node -czf /tmp/node-identity.tgz node.key node.json node.crt ca.crt tag',
  '/etc/init.d/planetlab-node restart && /etc/init.d/planetlab-node status',
]) {
  process.stdout.write(`$ ${command}\n${await machine(command)}\n`);
}
caller = nodeClient(authority.identity, await authority.uplinked(), { key: caller.key });
await untilState(caller.client, 'test_packaged', 'running');
const since = ['sh', '-c', 'cut -d" " -f22 /proc/1/stat; hostname'];
const before = await caller.exec('test_packaged', since);
assert.equal(before.code, 0, before.stderr);
shown('a sliver runs, and programs in it');
process.stdout.write(`${await machine('pl-node status; pl-node slivers')}\n`);

const pid = await machine('cat /run/planetlab-node.pid');
await machine(
  'apt-get install -y -qq -o Dpkg::Use-Pty=0 /packages/second/*.deb >/tmp/apt.log 2>&1 || { tail /tmp/apt.log >&2; exit 1; }',
);
caller = nodeClient(authority.identity, await authority.uplinked(), { key: caller.key });
await untilState(caller.client, 'test_packaged', 'running');
assert.notEqual(await machine('cat /run/planetlab-node.pid'), pid);
assert.equal((await caller.exec('test_packaged', since)).stdout, before.stdout);
const version = (await machine('dpkg-query --show planetlab-node')).replace('\t', ' ');
shown(`upgraded to ${version}: a new manager, and the sliver's first process is the same`);

const tag = await machine('ls /run/planetlab');
await machine(
  'apt-get purge -y -qq -o Dpkg::Use-Pty=0 planetlab-node >/tmp/apt.log 2>&1 || { tail /tmp/apt.log >&2; exit 1; }',
);
const files = await machine(
  "find / -xdev -path /packages -prune -o \\( -iname '*planetlab*' -o -name 'pl-node*' \\) -print; ls -d /run/planetlab* 2>/dev/null || true",
);
assert.equal(files, '', 'files are left');
assert.ok(await eventually(async () => !(await machine('ps -eo args')).includes(tag)), 'processes are left');
assert.equal(await machine('nft list tables'), '', 'rules are left');
assert.equal(await machine("ip -br link | grep -v '^lo\\|^eth-node' || true"), '', 'links are left');
assert.equal(await machine("awk '$5 ~ /planetlab/' /proc/self/mountinfo"), '', 'mounts are left');
for (const { mountPoint } of readCgroupHierarchies())
  assert.equal(await machine(`ls -d ${mountPoint}/planetlab/${tag} 2>/dev/null || true`), '', 'cgroups are left');
shown('purged: no file, process, rule, link, mount or cgroup of it is left');
