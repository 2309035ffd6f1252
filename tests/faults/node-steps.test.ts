import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { cgroupFolder, mountsUnder, processesUnder, readCgroupHierarchies } from '@planetlab/linux';
import { SliceName } from '@planetlab/model';
import { adminClient } from '@planetlab/node-manager';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  createTestNetwork,
  ensureImage,
  eventually,
  HOST_IPV4,
  joinedNode,
  leaseFor,
  nodeClient,
  startAuthority,
  type TestAuthority,
  type TestNode,
} from '../host/node-fixture.ts';

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.log('skipped: killing a node manager after every step needs root');

const SLICE = SliceName.parse('test_steps');
type What = 'create' | 'change' | 'stop' | 'restart' | 'delete';
/** In an order in which each finds what the one before has left: with one start of the manager for each. */
const FAULTS: readonly (readonly [What, string])[] = [
  ['create', 'write:leaseFile'],
  ['delete', 'write:endLease'],
  ['create', 'write:addLease'],
  ['delete', 'step:StopMachine'],
  ['create', 'step:MountRoot'],
  ['delete', 'step:DestroyMachine'],
  ['create', 'step:CreateMachine'],
  ['delete', 'step:UnmountRoot'],
  ['create', 'step:AttachNetwork'],
  ['delete', 'step:RemoveVolume'],
  ['create', 'step:StartMachine'],
  ['change', 'write:replaceLease'],
  ['stop', 'step:StopMachine'],
  ['restart', 'step:CreateMachine'],
  ['change', 'step:ApplyLimits'],
  ['stop', 'step:UnmountRoot'],
  ['delete', 'write:forgetSliver'],
];

// Namespaces, mounts and containers need root; without it the reason is printed above.
describe.runIf(isRoot)('a node manager that is killed after a step', () => {
  const stack = new AsyncDisposableStack();
  let authority: TestAuthority;
  let node: TestNode;
  let caller: ReturnType<typeof nodeClient>;
  let memoryMiB = 32;

  beforeAll(async () => {
    await ensureImage();
    const network = stack.use(await createTestNetwork('node-steps'));
    authority = stack.use(await startAuthority(HOST_IPV4));
    node = stack.use(await joinedNode(authority, network, 'node-steps'));
    caller = nodeClient(authority.identity, await startWith(FAULTS[0]?.[1] ?? ''));
  });
  afterAll(() => stack.disposeAsync());

  /** Starts the manager so that it dies when it gets there. */
  async function startWith(fault: string) {
    if (fault !== '') process.env['PLANETLAB_FAULT'] = `${fault}:1`;
    try {
      return await node.start(authority);
    } finally {
      delete process.env['PLANETLAB_FAULT'];
    }
  }
  const admin = () => {
    const client = adminClient(node.stateDir);
    if (client === undefined) throw new Error('the node has no tag');
    return client;
  };
  const leases = async () => (await caller.client.listLeases({})).items;
  const ask = async (what: What): Promise<void> => {
    const [lease] = await leases();
    if (what === 'create') await caller.client.requestLease({ body: leaseFor(SLICE, { memoryMiB }) });
    else if (what === 'stop') await admin().stop({ params: { slice: SLICE }, body: { reason: null } });
    else if (what === 'restart') await admin().start({ params: { slice: SLICE } });
    else if (lease === undefined) return;
    else if (what === 'delete') await caller.client.endLease({ params: { lease: lease.id } });
    else {
      memoryMiB += 16;
      const resources = { ...lease.resources, memoryMiB };
      await caller.client.changeLease({ params: { lease: lease.id }, body: { resources } });
    }
  };
  const stateNow = async () => (await caller.client.listSlivers({})).items.map(({ state }) => state).join();
  const wanted: Readonly<Record<What, string>> = {
    ...{ create: 'running', change: 'running', restart: 'running', stop: 'stopped', delete: '' },
  };

  /** All there is of slivers on this host. */
  const made = () => {
    const cgroup = cgroupFolder(readCgroupHierarchies(), 'pids', `planetlab/${node.tag}`) ?? '';
    const links = readFileSync(`/proc/${node.process().pid}/net/dev`, 'utf8').match(/pl[0-9a-f]{4}-\d+/g) ?? [];
    const folder = (path: string) => (existsSync(path) ? readdirSync(path) : []);
    return {
      processes: processesUnder(cgroup).length,
      links: links.length,
      machines: folder(`/run/planetlab/${node.tag}/oci`).length,
      roots: mountsUnder(`/run/planetlab/${node.tag}/roots`).filter((point) => point.endsWith('/root')).length,
      volumes: folder(`${node.stateDir}/slivers`).filter((name) => name === SLICE).length,
      leases: folder(`${node.stateDir}/leases`).length,
    };
  };
  const ONE = { processes: 1, links: 1, machines: 1, roots: 1, volumes: 1, leases: 1 };
  const STOPPED = { processes: 0, links: 0, machines: 0, roots: 0, volumes: 1, leases: 1 };
  const NONE = { processes: 0, links: 0, machines: 0, roots: 0, volumes: 0, leases: 0 };

  it.each(FAULTS.map(([what, fault], index) => [what, fault, index] as const))(
    'converges and leaves nothing: %s, %s',
    async (what, _fault, index) => {
      const manager = node.process();
      const died = once(manager, 'exit');
      await Promise.race([died, ask(what).catch(() => {})]); // it may die before it answers
      const signal = await Promise.race([died.then(([, by]) => by), delay(15_000, 'it lives on')]);
      expect(signal).toBe('SIGKILL');
      caller = nodeClient(authority.identity, await startWith(FAULTS[index + 1]?.[1] ?? ''), { key: caller.key });
      if (what === 'create') await ask(what); // as a broker does that got no answer
      const reached = await eventually(async () => (await stateNow()) === wanted[what]);
      expect(reached, JSON.stringify((await caller.client.listSlivers({})).items)).toBe(true);
      const expected = what === 'delete' ? NONE : what === 'stop' ? STOPPED : ONE;
      await eventually(() => JSON.stringify(made()) === JSON.stringify(expected), 2000); // the kernel removes links a little later
      expect(made()).toEqual(expected);
      if (expected !== ONE) return;
      const said = await caller.exec(SLICE, ['sh', '-c', 'ip -4 -o address show dev eth0 | wc -l']);
      expect(said).toEqual({ stdout: '1\n', stderr: '', code: 0 });
      if (what === 'change') expect((await leases())[0]?.resources.memoryMiB).toBe(memoryMiB);
    },
  );
});
