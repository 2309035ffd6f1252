import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import {
  cgroupFolder,
  inNamespace,
  mountsUnder,
  processesUnder,
  readCgroupHierarchies,
  systemRunner,
} from '@planetlab/linux';
import { SliceName } from '@planetlab/model';
import { adminClient, DURABLE_WRITES, localStatus, STEP_KINDS } from '@planetlab/node-manager';
import { isMachineId } from '@planetlab/vmm';
import { expect, it } from 'vitest';
import { describeNode } from '../host/describe-node.ts';
import { eventually, leaseFor, NODE_IPV4 } from '../host/node-fixture.ts';
import { sliverCgroup } from '../host/sliver-cgroup.ts';
import { withSlowness } from '../slowness.ts';

const SLICE = SliceName.parse('test_steps');
type What = 'create' | 'change' | 'tag' | 'admit' | 'overuse' | 'stop' | 'restart' | 'delete' | 'expire';
/** In an order in which each finds what the one before has left: with one start of the manager for each. */
const FAULTS: readonly (readonly [What, string])[] = [
  ['create', 'write:journal'],
  ['delete', 'write:endLease'],
  ['create', 'write:addLeases'],
  ['delete', 'step:StopMachine'],
  ['create', 'step:MountRoot'],
  ['delete', 'step:DestroyMachine'],
  ['create', 'step:CreateMachine'],
  ['delete', 'step:UnmountRoot'],
  ['create', 'step:AttachNetwork'],
  ['delete', 'step:RemoveVolume'],
  ['expire', 'write:endExpired'],
  ['create', 'step:ApplyNetwork'],
  ['delete', 'step:DetachNetwork'],
  ['create', 'step:StartMachine'],
  ['change', 'write:replaceLease'],
  ['stop', 'step:StopMachine'],
  ['restart', 'step:CreateMachine'],
  ['change', 'step:ApplyLimits'],
  ['tag', 'step:TellSliver'],
  ['admit', 'write:setAccess'],
  ['tag', 'write:setTags'],
  ['admit', 'step:ApplyAccounts'],
  ['overuse', 'write:addNotice'],
  ['stop', 'step:DestroyMachine'],
  ['restart', 'step:MountRoot'],
  ['change', 'step:ApplyNetwork'],
  ['stop', 'step:UnmountRoot'],
  ['delete', 'write:forgetSliver'],
];
/** This one is taken only for what a crash has left: while the manager starts. */
const AT_START = 'step:RemoveLink';

/** Taken once at every start, too. */
const TAKEN_AT_START = ['step:ApplyNetwork', 'step:ApplyAccounts'];

/** Environment in which the manager dies when it gets there. */
const dyingAt = (fault: string): Readonly<Record<string, string>> =>
  fault === '' ? {} : { PLANETLAB_FAULT: `${fault}:${TAKEN_AT_START.includes(fault) ? 2 : 1}` };

const NODE = {
  ...{ name: 'node-steps', config: { sshListen: `${NODE_IPV4}:2222` } },
  firstStart: dyingAt(FAULTS[0]?.[1] ?? ''),
};

const KEY = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGsFEWaPCCn3sPaYCBcJGbTKPLbcJBFnqPsvMjDRDLyE';
const keyOf = (round: number) => ({ person: 'ada@example.org', key: `${KEY} round${round}` });

describeNode('a node manager that is killed after a step', NODE, (world) => {
  /** Of the last change; each asks for more. */
  let [memoryMiB, maxKbps, round] = [32, 100_000, 0];
  const admin = () => {
    const client = adminClient(world.node.stateDir);
    if (client === undefined) throw new Error('the node has no tag');
    return client;
  };
  const leases = async () => (await world.caller.client.listLeases({})).items;
  const ask = async (what: What): Promise<void> => {
    const [lease] = await leases();
    const { client } = world.caller;
    const params = { slice: SLICE };
    if (what === 'create') await client.requestLease({ body: leaseFor(SLICE, { memoryMiB }) });
    else if (what === 'expire') await client.requestLease({ body: leaseFor(SLICE, { endsInMs: withSlowness(3_000) }) });
    else if (what === 'tag') await client.setTags({ params, body: { tags: { round: String(++round) } } });
    else if (what === 'admit') await client.setAccess({ params, body: { keys: [keyOf(++round)] } });
    else if (what === 'overuse') await world.caller.exec(SLICE, ['perl', '-e', '$x = "x" x (512 * 2**20)']);
    else if (what === 'stop') await admin().stop({ params: { slice: SLICE }, body: { reason: null } });
    else if (what === 'restart') await admin().start({ params: { slice: SLICE } });
    else if (lease === undefined) return;
    else if (what === 'delete') await client.endLease({ params: { lease: lease.id } });
    else {
      memoryMiB += 16;
      maxKbps += 1_000;
      const { egress } = lease.resources;
      const resources = { ...lease.resources, memoryMiB, egress: { ...egress, maxKbps } };
      await client.changeLease({ params: { lease: lease.id }, body: { resources } });
    }
  };
  const stateNow = async () => (await world.caller.client.listSlivers({})).items.map(({ state }) => state).join();
  const wanted: Readonly<Record<What, string>> = {
    ...{ create: 'running', change: 'running', restart: 'running', tag: 'running', admit: 'running' },
    ...{ overuse: 'running', stop: 'stopped', delete: '', expire: '' },
  };

  /** All there is of slivers on this host. */
  const made = () => {
    const cgroup = cgroupFolder(readCgroupHierarchies(), 'pids', `planetlab/${world.node.tag}`) ?? '';
    const links = readFileSync(`/proc/${world.node.process().pid}/net/dev`, 'utf8').match(/pl[0-9a-f]{4}-\d+/g) ?? [];
    const folder = (path: string) => (existsSync(path) ? readdirSync(path) : []);
    return {
      processes: processesUnder(cgroup).length,
      links: links.length,
      machines: folder(`/run/planetlab/${world.node.tag}/oci`).filter(isMachineId).length, // newer crun has a cache there, too
      roots: mountsUnder(`/run/planetlab/${world.node.tag}/roots`).filter((point) => point.endsWith('/root')).length,
      volumes: folder(`${world.node.stateDir}/slivers`).filter((name) => name === SLICE).length,
      leases: localStatus(world.node.stateDir).slivers.length, // from their journal
    };
  };
  const ONE = { processes: 1, links: 1, machines: 1, roots: 1, volumes: 1, leases: 1 };
  const STOPPED = { processes: 0, links: 0, machines: 0, roots: 0, volumes: 1, leases: 1 };
  const NONE = { processes: 0, links: 0, machines: 0, roots: 0, volumes: 0, leases: 0 };

  /** What was asked for holds, or is there to be seen, after the crash. */
  const kept: Readonly<Partial<Record<What, () => Promise<void>>>> = {
    async change() {
      expect((await leases())[0]?.resources).toMatchObject({ memoryMiB, egress: { maxKbps } });
      await expect.poll(() => sliverCgroup(world.node.tag, SLICE).memoryLimitBytes()).toBe(memoryMiB * 2 ** 20);
      const classes = [...inNamespace(world.node.namespace), 'tc', 'class', 'show', 'dev', 'eth-node'] as const;
      const ceiling = new RegExp(`ceil ${maxKbps / 1000}Mbit`);
      await expect.poll(async () => (await systemRunner.run({ argv: classes })).stdout).toMatch(ceiling);
    },
    async tag() {
      const told = async () =>
        JSON.parse((await world.caller.exec(SLICE, ['cat', '/run/planetlab/sliver.json'])).stdout).tags;
      await expect.poll(told).toEqual({ round: String(round) });
    },
    async admit() {
      const keys = () => readFileSync(`/run/planetlab/${world.node.tag}/ssh/keys/${SLICE}`, 'utf8');
      await expect.poll(keys).toContain(keyOf(round).key);
    },
    async overuse() {
      const { notices } = await world.caller.client.getUsage({ params: { slice: SLICE } });
      expect(notices.map(({ code }) => code)).toContain('memory_limit');
    },
  };

  it.each(FAULTS.map(([what, fault], index) => [what, fault, index] as const))(
    'converges and leaves nothing: %s, %s',
    async (what, _fault, index) => {
      const manager = world.node.process();
      const died = once(manager, 'exit');
      await Promise.race([died, ask(what).catch(() => {})]); // it may die before it answers
      const signal = await Promise.race([died.then(([, by]) => by), delay(withSlowness(30_000), 'it lives on')]);
      expect(signal).toBe('SIGKILL');
      await world.start(dyingAt(FAULTS[index + 1]?.[1] ?? ''));
      if (what === 'create') await ask(what); // as a broker does that got no answer
      const reached = await eventually(async () => (await stateNow()) === wanted[what]);
      expect(reached, JSON.stringify((await world.caller.client.listSlivers({})).items)).toBe(true);
      const expected = wanted[what] === '' ? NONE : what === 'stop' ? STOPPED : ONE;
      await eventually(() => JSON.stringify(made()) === JSON.stringify(expected), 10_000); // the kernel removes links a little later
      expect(made()).toEqual(expected);
      if (expected !== ONE) return;
      const said = await world.caller.exec(SLICE, ['sh', '-c', 'ip -4 -o address show dev eth0 | wc -l']);
      expect(said).toEqual({ stdout: '1\n', stderr: '', code: 0 });
      await kept[what]?.();
    },
  );

  it(`converges and leaves nothing when it is killed while it starts: ${AT_START}`, async () => {
    await world.node.stop('SIGKILL');
    const link = `pl${world.node.tag.slice(0, 4)}-77`;
    const add = ['ip', 'link', 'add', link, 'type', 'veth', 'peer', 'name', 'other77'] as const;
    await systemRunner.run({ argv: [...inNamespace(world.node.namespace), ...add] });
    await expect(world.start(dyingAt(AT_START))).rejects.toThrow('the manager ended');
    await world.start();
    expect(made()).toEqual(NONE);
  });

  it('was killed after each kind of step and of durable write', () => {
    const points = new Set([...FAULTS.map(([, fault]) => fault), AT_START]);
    const all = [...STEP_KINDS.map((kind) => `step:${kind}`), ...DURABLE_WRITES.map((name) => `write:${name}`)];
    expect([...points].sort()).toEqual(all.sort());
  });
});
