import { generateKeyPair, issueLease } from '@planetlab/credentials';
import { PlanetLabError, type SliceName } from '@planetlab/model';
import { asMachineId } from '@planetlab/vmm';
import { createSimulatedVmm } from '@planetlab/vmm/simulated';
import { describe, expect, it, vi } from 'vitest';
import type { Host } from '../host/host.ts';
import { createSimulatedHost } from '../host/simulated-host.ts';
import { createCpuPlan } from '../resources/cpu-plan.ts';
import { leaseOf, NODE, storeIn, temporaryFolder } from '../testing/fixtures.ts';
import { createDirectory } from './directory.ts';
import { createEventHub } from './event-hub.ts';
import { createReconciler } from './reconciler.ts';

const key = generateKeyPair();
const addresses = { sliverIpv4Range: '100.96.0.0/16', ipv6Prefix: null, idBase: 100_000_000 };

/** A reconciler over the simulated host and VMM, in real time. */
function setUp(
  change: (host: Host) => Partial<Host> = () => ({}),
  configured: { readonly attachments?: Readonly<Record<string, string>> } = {},
) {
  const folder = temporaryFolder();
  const store = storeIn(folder.path, key);
  const warnings: string[] = [];
  const logger = { info() {}, warn: (_about: object, text: string) => void warnings.push(text), error() {} };
  const plain = createSimulatedHost({ stateDir: folder.path, why: 'a test' });
  const host: Host = { ...plain, ...change(plain) };
  const vmm = createSimulatedVmm();
  const directory = createDirectory({ store, hub: createEventHub(), addresses, now: Date.now });
  const applied: string[] = [];
  const network = { apply: async () => {}, ensure: async () => {}, forget() {} };
  const reconciler = createReconciler({
    ...{
      store,
      directory,
      logger,
      now: Date.now,
      random: () => 0.999,
      cpuPlan: createCpuPlan(2),
      aboutOf: (row) => JSON.stringify(store.tags(row)),
    },
    context: {
      host,
      vmm,
      addresses,
      nodeName: NODE.name,
      attachments: configured.attachments ?? {},
      network,
      setAccounts: async (text) => void applied.push(text),
    },
    desiredNode: () => ({ network: 'rules', accounts: 'people' }),
    observedNetwork: () => 'rules',
    observedAccounts: () => applied.at(-1) ?? null,
  });
  const lease = (name: string, index: number, endsInMs = 60_000) => {
    const nowMs = Date.now();
    const made = leaseOf(name, { issuedAtMs: nowMs, expiresAtMs: nowMs + endsInMs });
    store.addLeases([{ lease: made, token: issueLease(key, made), imageDigest: 'd'.repeat(64), index, keys: [] }]);
    reconciler.trigger(name);
    return made;
  };
  return {
    ...{ store, host, vmm, directory, reconciler, applied, lease, warnings },
    async [Symbol.asyncDispose]() {
      await reconciler.close();
      store.close();
      folder[Symbol.dispose]();
    },
  };
}

describe('the reconciler', () => {
  it('makes what is leased, removes what is not any more, and forgets it', async () => {
    await using node = setUp();
    await node.reconciler.start();
    const { id } = node.lease('a1_x', 2);
    await node.reconciler.idle();
    expect(node.directory.get('a1_x')).toMatchObject({ state: 'running', ipv4: '100.96.0.2' });
    node.store.endLease(id, Date.now());
    node.reconciler.trigger('a1_x');
    await node.reconciler.idle();
    expect(node.directory.list()).toEqual([]);
    expect(await node.vmm.list()).toEqual([]);
    expect(node.host.inventory()).toEqual({ slices: [], links: [] });
    expect(node.applied).toEqual(['people']);
  });

  it('hands the driver what the node’s owner has configured for it, such as a kernel or a block device', async () => {
    const attachments = { kernel: '/boot/vmlinuz', 'block-device': '/dev/vg/slivers' };
    await using node = setUp(undefined, { attachments });
    const create = vi.spyOn(node.vmm, 'create');
    await node.reconciler.start();
    node.lease('a1_x', 2);
    await node.reconciler.idle();
    expect(create.mock.calls).toMatchObject([[{ id: 'a1_x', attachments }]]);
  });

  it('tells a running sliver its tags, and one of a later lease nothing of them', async () => {
    await using node = setUp();
    await node.reconciler.start();
    const { id, slice } = node.lease('a1_x', 2);
    await node.reconciler.idle();
    expect(node.host.observe(slice, null).about).toBe('{}');
    const row = node.store.sliver(slice);
    if (row === undefined) throw new Error('the sliver is not known');
    node.store.setTags(row, { role: 'seed' });
    node.reconciler.trigger(slice);
    await node.reconciler.idle();
    expect(node.host.observe(slice, null).about).toBe('{"role":"seed"}');
    expect(node.store.listSteps({ slices: 'all', limit: 1 })).toMatchObject([{ step: 'TellSliver' }]);
    node.store.endLease(id, Date.now());
    node.lease('a1_x', 2);
    await node.reconciler.idle();
    expect(node.host.observe(slice, null).about).toBe('{}');
  });

  it('says why a sliver fails, tries again, and shows when it works', async () => {
    let failures = 1;
    await using node = setUp((plain) => ({
      async mountRoot(sliver) {
        if (failures-- > 0) throw new PlanetLabError('unknown_image', 'The image is not there any more.');
        return plain.mountRoot(sliver);
      },
    }));
    await node.reconciler.start();
    node.lease('a1_x', 2);
    await node.reconciler.idle();
    expect(node.directory.get('a1_x')).toMatchObject({ state: 'failed', reason: { code: 'unknown_image' } });
    expect(node.store.listSteps({ slices: 'all', limit: 1 })).toMatchObject([
      { step: 'MountRoot', outcome: 'failed', message: 'The image is not there any more.' },
    ]);
    await expect.poll(() => node.directory.get('a1_x')?.state).toBe('running');
    expect(node.directory.get('a1_x')?.reason).toBeNull();
  });

  it('makes a sliver while the steps of four others hang', async () => {
    const hanging: (() => void)[] = [];
    await using node = setUp((plain) => ({
      async mountRoot(sliver) {
        if (sliver.slice.startsWith('h1')) await new Promise<void>((resolve) => hanging.push(resolve));
        return plain.mountRoot(sliver);
      },
    }));
    await node.reconciler.start();
    for (let index = 2; index < 6; index++) node.lease(`h1_s${index}`, index);
    await expect.poll(() => hanging, { timeout: 25_000 }).toHaveLength(4);
    node.lease('a1_x', 7);
    await expect.poll(() => node.directory.get('a1_x')?.state, { timeout: 25_000 }).toBe('running');
    expect(node.directory.get('h1_s2')?.state).toBe('starting');
    for (const end of hanging) end();
    await expect.poll(() => node.directory.get('h1_s2')?.state, { timeout: 25_000 }).toBe('running');
  });

  it('ends what is leased on time, with nobody asking', async () => {
    await using node = setUp();
    await node.reconciler.start();
    node.lease('a1_x', 2, 150);
    await node.reconciler.idle();
    expect(node.directory.get('a1_x')?.state).toBe('running');
    await expect.poll(() => node.directory.list()).toEqual([]);
  });

  it('has a sliver whose end cannot be written down wait with the reason, and ends it when it can', async () => {
    await using node = setUp();
    await node.reconciler.start();
    const endExpired = node.store.endExpired.bind(node.store);
    let isFull = true;
    node.store.endExpired = (nowMs) => {
      if (isFull) throw new PlanetLabError('insufficient_resources', 'The disk is full.');
      return endExpired(nowMs);
    };
    node.lease('a1_x', 2, 150);
    await expect.poll(() => node.directory.get('a1_x')?.reason?.message).toContain('written down. The disk is full.');
    expect(node.directory.get('a1_x')).toMatchObject({ state: 'stopping', reason: { code: 'insufficient_resources' } });
    expect(await node.vmm.list()).toEqual([]);
    expect(node.host.inventory()).toEqual({ slices: [], links: [] });
    expect(node.warnings).toEqual([]);
    isFull = false;
    node.reconciler.trigger('a1_x');
    await expect.poll(() => node.directory.list()).toEqual([]);
  });

  it('ends in the middle of a sliver without a word of failure', async () => {
    const { promise: mounting, resolve: mountingNow } = Promise.withResolvers<void>();
    const { promise: mounted, resolve: mountNow } = Promise.withResolvers<void>();
    await using node = setUp((plain) => ({
      async mountRoot(sliver) {
        mountingNow();
        await mounted;
        return plain.mountRoot(sliver);
      },
    }));
    await node.reconciler.start();
    node.lease('a1_x', 2);
    await mounting;
    const closing = node.reconciler.close();
    mountNow();
    await closing;
    expect(node.warnings).toEqual([]);
    expect(node.directory.get('a1_x')).toMatchObject({ state: 'starting', reason: null });
    expect(await node.vmm.list()).toEqual([]);
  });

  it('starts a machine again that has ended, but not at once when it ends at once', async () => {
    await using node = setUp();
    await node.reconciler.start();
    node.lease('a1_x', 2);
    await node.reconciler.idle();
    await node.vmm.stop(asMachineId('a1_x'), { graceMs: 0 });
    node.reconciler.trigger('a1_x');
    await node.reconciler.idle();
    expect(node.directory.get('a1_x')).toMatchObject({ state: 'failed', reason: { code: 'step_failed' } });
    await expect.poll(() => node.directory.get('a1_x')?.state).toBe('running');
  });

  it('removes at start what no lease accounts for, and nothing that is not named like a slice', async () => {
    await using node = setUp();
    const { slice, id, image, resources } = leaseOf('z9_left');
    const left = { slice, lease: id, image, resources, imageDigest: 'd', cpuWeight: 1, index: 7, about: '' };
    await node.host.mountRoot(left);
    await node.host.attachNetwork(left, 1);
    await node.host.mountRoot({ ...left, slice: 'backup' as SliceName }); // a folder that a person has made
    await node.reconciler.start();
    await node.reconciler.idle();
    expect(node.host.inventory()).toEqual({ slices: ['backup'], links: [] });
  });
});
