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
import { SliceName, toInstant } from '@planetlab/model';
import { adminClient, localStatus } from '@planetlab/node-manager';
import { isMachineId } from '@planetlab/vmm';
import { expect, it } from 'vitest';
import { describeNode } from '../host/describe-node.ts';
import { eventually, leaseFor, NODE_IPV4 } from '../host/node-fixture.ts';

const SLICE = SliceName.parse('test_steps');
type What = 'create' | 'change' | 'tell' | 'stop' | 'restart' | 'delete' | 'expire';
/**
 * In an order in which each finds what the one before has left: with one start of the manager for each. What each start
 * does as well has its second time here.
 */
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
  ['create', 'step:ApplyAccounts:2'],
  ['delete', 'step:DetachNetwork'],
  ['create', 'step:ApplyNetwork:2'],
  ['tell', 'step:TellSliver'],
  ['expire', 'write:endExpired'],
  ['create', 'step:StartMachine'],
  ['change', 'write:replaceLease'],
  ['stop', 'step:StopMachine'],
  ['restart', 'step:CreateMachine'],
  ['change', 'step:ApplyLimits'],
  ['stop', 'step:DestroyMachine'],
  ['restart', 'step:MountRoot'],
  ['stop', 'step:UnmountRoot'],
  ['delete', 'write:forgetSliver'],
];

/** Environment in which the manager dies when it gets there. */
const dyingAt = (fault: string): Readonly<Record<string, string>> =>
  fault === '' ? {} : { PLANETLAB_FAULT: /:\d+$/.test(fault) ? fault : `${fault}:1` };

const NODE = {
  name: 'node-steps',
  config: { sshListen: `${NODE_IPV4}:2222` }, // so that there are accounts
  firstStart: dyingAt(FAULTS[0]?.[1] ?? ''),
};
/** What is left of a lease that expires while one looks. */
const SOON_MS = 1_000;

describeNode('a node manager that is killed after a step', NODE, (world) => {
  let memoryMiB = 32;
  const admin = () => {
    const client = adminClient(world.node.stateDir);
    if (client === undefined) throw new Error('the node has no tag');
    return client;
  };
  const leases = async () => (await world.caller.client.listLeases({})).items;
  const ask = async (what: What): Promise<void> => {
    const [lease] = await leases();
    if (what === 'create') await world.caller.client.requestLease({ body: leaseFor(SLICE, { memoryMiB }) });
    else if (what === 'stop') await admin().stop({ params: { slice: SLICE }, body: { reason: null } });
    else if (what === 'restart') await admin().start({ params: { slice: SLICE } });
    else if (lease === undefined) return;
    else if (what === 'expire') {
      const expiresAt = toInstant(Date.now() + SOON_MS);
      await world.caller.client.renewLease({ params: { lease: lease.id }, body: { expiresAt } });
    } else if (what === 'tell') {
      await world.caller.client.setTags({ params: { slice: SLICE }, body: { tags: { role: 'seed' } } });
    } else if (what === 'delete') await world.caller.client.endLease({ params: { lease: lease.id } });
    else {
      memoryMiB += 16;
      const resources = { ...lease.resources, memoryMiB };
      await world.caller.client.changeLease({ params: { lease: lease.id }, body: { resources } });
    }
  };
  const stateNow = async () => (await world.caller.client.listSlivers({})).items.map(({ state }) => state).join();
  const wanted: Readonly<Record<What, string>> = {
    ...{ create: 'running', change: 'running', tell: 'running', restart: 'running', stop: 'stopped' },
    ...{ delete: '', expire: '' },
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

  it.each(FAULTS.map(([what, fault], index) => [what, fault, index] as const))(
    'converges and leaves nothing: %s, %s',
    async (what, _fault, index) => {
      const manager = world.node.process();
      const died = once(manager, 'exit');
      await Promise.race([died, ask(what).catch(() => {})]); // it may die before it answers
      const signal = await Promise.race([died.then(([, by]) => by), delay(15_000, 'it lives on')]);
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
      if (what === 'change') expect((await leases())[0]?.resources.memoryMiB).toBe(memoryMiB);
    },
  );

  it('removes a link that is nobody’s, and dies before the rest of its first steps', async () => {
    await world.node.stop('SIGKILL');
    const { namespace, tag } = world.node;
    const stray = `pl${tag.slice(0, 4)}-77`;
    await systemRunner.run({
      argv: [...inNamespace(namespace), ...['ip', 'link', 'add', stray, 'type', 'veth', 'peer', 'name', 'other']],
    });
    Object.assign(process.env, dyingAt('step:RemoveLink'));
    const starting = world.node.start({ uplinked: () => new Promise<never>(() => {}) }); // it does not get that far
    delete process.env['PLANETLAB_FAULT'];
    await expect(starting).rejects.toThrow('the manager ended');
    await world.start();
    expect(made()).toEqual(NONE);
  });
});
