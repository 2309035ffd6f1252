/**
 * `package-cycle.ts FIRST SECOND`: the life of the node's Debian package on a machine with systemd and cgroup v2, which it
 * takes as its own. Run by `npm run test:vm` inside the test machine. The arguments are folders with one package each.
 * Prints what it has shown; any failure ends it.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { NodeName } from '@planetlab/model';
import { eventually, leaseFor, NODE_IPV4, nodeClient, startAuthority, untilState } from '../host/node-fixture.ts';
import { withSlowness } from '../slowness.ts';
import { apt, install, ourFiles, sh, shown, unitProperty } from './shell.ts';

const [first = '', second = ''] = process.argv.slice(2);
const SLIVER = 'test_packaged';
const UNIT = 'planetlab-node.service';

const unit = (property: string) => unitProperty(UNIT, property);

await using stack = new AsyncDisposableStack();
// an address as of a network card: the machine has none
await sh(`ip link add eth-node type veth peer name eth-world
ip address add ${NODE_IPV4}/30 dev eth-node
ip link set eth-world up
ip link set eth-node up
ip route add default dev eth-node`);
stack.defer(async () => void (await sh('ip link delete eth-node'))); // others take its addresses
const before = await ourFiles();
const authority = stack.use(await startAuthority(NODE_IPV4));

await install(first);
assert.equal(await unit('UnitFileState'), 'enabled');
assert.equal(await unit('ActiveState'), 'inactive');
assert.match(await sh('pl-node status'), /not joined: manager not running/);
shown('installed: the unit is enabled, and nothing runs before the machine has joined');

const joined = await sh('pl-node join -', authority.invitation(NodeName.parse('packaged')));
let caller = nodeClient(authority.identity, await authority.uplinked());
const reconnected = async () => {
  caller = nodeClient(authority.identity, await authority.uplinked(), { key: caller.key });
  await untilState(caller.client, SLIVER, 'running');
};
assert.equal(await unit('ActiveState'), 'active');
shown(`${joined}; the unit is active and its uplink open`);

await caller.client.requestLease({ body: leaseFor(SLIVER, { endsInMs: withSlowness(600_000) }) });
await untilState(caller.client, SLIVER, 'running');
const tag = await sh('ls /run/planetlab');
const firstProcess = async () => {
  const ran = await caller.exec(SLIVER, ['sh', '-c', 'cut -d" " -f22 /proc/1/stat; hostname']);
  assert.equal(ran.code, 0, ran.stderr);
  return ran.stdout;
};
const since = await firstProcess();
shown('a sliver runs, and programs in it');

const cgroup = `/sys/fs/cgroup/planetlab/${tag}/${SLIVER}`;
const limits = () =>
  ['memory.max', 'memory.swap.max', 'pids.max', 'cpu.weight'].map((file) =>
    readFileSync(`${cgroup}/${file}`, 'utf8').trim(),
  );
const limited = limits();
assert.deepEqual(limited.slice(0, 3), [String(64 * 2 ** 20), '0', '64']);
shown(`its cgroup (v2) has its limits: memory, swap, processes; weight ${limited[3]}`);

const pid = await unit('MainPID');
process.kill(Number(pid), 'SIGKILL');
await reconnected();
assert.notEqual(await unit('MainPID'), pid);
assert.equal(await firstProcess(), since);
shown('killed with kill -9: systemd starts the manager again, and the sliver ran on');

const dropIn = `/run/systemd/system/${UNIT}.d`;
const limitSeconds = withSlowness(5_000) / 1000;
await sh(
  `mkdir -p ${dropIn}; printf '[Service]\\nWatchdogSec=${limitSeconds}\\n' >${dropIn}/soon.conf; systemctl daemon-reload`,
);
await sh(`systemctl restart ${UNIT}`);
await reconnected();
const standing = await unit('MainPID');
process.kill(Number(standing), 'SIGSTOP');
await reconnected();
assert.notEqual(await unit('MainPID'), standing);
assert.match(await sh(`journalctl --unit ${UNIT} --no-pager`), /[Ww]atchdog timeout/);
assert.equal(await firstProcess(), since);
await sh(`rm -r ${dropIn}; systemctl daemon-reload; systemctl restart ${UNIT}`);
await reconnected();
shown('a manager that stands still is started anew by the watchdog, and the sliver ran on');

await sh(`systemctl stop ${UNIT}`);
assert.equal(await unit('ActiveState'), 'inactive');
assert.notEqual(readFileSync(`${cgroup}/cgroup.procs`, 'utf8'), '', 'nothing runs in the sliver');
await sh(`systemctl start ${UNIT}`);
await reconnected();
assert.equal(await firstProcess(), since);
shown('stopped and started: the sliver ran on meanwhile');

await sh('systemctl daemon-reload; systemctl daemon-reexec; systemctl daemon-reload');
assert.equal(await firstProcess(), since);
assert.deepEqual(limits(), limited);
shown('daemon-reload and daemon-reexec: systemd leaves the sliver and its limits as they are');

const old = await unit('MainPID');
await install(second);
await reconnected();
assert.notEqual(await unit('MainPID'), old);
assert.equal(await firstProcess(), since);
const version = (await sh('dpkg-query --show planetlab-node')).replace('\t', ' ');
shown(`upgraded to ${version}: a new manager, and the sliver's first process is the same`);

const written = 'what the sliver has written';
assert.equal((await caller.exec(SLIVER, ['sh', '-c', `echo '${written}' >/root/kept; sync`])).code, 0);
const off = async () => {
  assert.equal(await unit('ActiveState'), 'inactive');
  assert.ok(await eventually(async () => !(await sh('ps -eo args')).includes(tag)), 'processes are left');
};
/** The sliver is made anew on what it had written: its lease still holds. */
const backAgain = async () => {
  await reconnected();
  assert.equal((await caller.exec(SLIVER, ['cat', '/root/kept'])).stdout, `${written}\n`);
};
await sh('pl-node halt');
await off();
assert.equal(await unit('UnitFileState'), 'enabled', 'it would not come back with the machine');
await sh(`systemctl start ${UNIT}`);
await backAgain();
shown('halted: nothing of it runs, its unit stays enabled; started again, the sliver has what it had written');

await apt('apt-get remove planetlab-node');
await off();
await install(second);
assert.deepEqual([await unit('UnitFileState'), await unit('ActiveState')], ['enabled', 'active']);
await backAgain();
shown('removed and installed again: the node runs as before, and the sliver has what it had written');

await apt('apt-get purge planetlab-node');
assert.equal(await ourFiles(), before.replace(/^\/var\/lib\/planetlab(\/.*)?\n/gm, ''), 'files are left');
assert.ok(await eventually(async () => !(await sh('ps -eo args')).includes(tag)), 'processes are left');
assert.equal(await sh('nft list tables'), '', 'rules are left');
assert.equal(await sh("ip -br link | grep -v '^lo\\|^eth-' || true"), '', 'links are left');
assert.equal(await sh("awk '$5 ~ /planetlab/ && $5 !~ /^.srv/' /proc/self/mountinfo"), '', 'mounts are left');
assert.equal(await sh('ls -d /sys/fs/cgroup/planetlab 2>/dev/null || true'), '', 'cgroups are left');
assert.equal(await sh(`systemctl list-units --all --no-legend '${UNIT}'`), '', 'systemd still knows the unit');
shown('purged: no file, process, rule, link, mount, cgroup or unit of it is left');
