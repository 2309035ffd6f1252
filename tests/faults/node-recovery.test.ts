import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  cgroupFolder,
  inNamespace,
  killCgroupTree,
  readCgroupHierarchies,
  removeCgroupTree,
  systemRunner,
  unmount,
  unmountUnder,
} from '@planetlab/linux';
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
if (!isRoot) console.log('skipped: what a node survives needs root');

const STEP_TIMEOUT_MS = 1500;

// Namespaces, mounts and containers need root; without it the reason is printed above.
describe.runIf(isRoot)('a node', () => {
  const stack = new AsyncDisposableStack();
  let authority: TestAuthority;
  let node: TestNode;
  let caller: ReturnType<typeof nodeClient>;

  beforeAll(async () => {
    await ensureImage();
    const network = stack.use(await createTestNetwork('node-recovery'));
    authority = stack.use(await startAuthority(HOST_IPV4));
    const config = { stepTimeoutMs: STEP_TIMEOUT_MS, diskBound: 'none' };
    node = stack.use(await joinedNode(authority, network, 'node-recovery', config));
    caller = nodeClient(authority.identity, await node.start(authority));
  });
  afterAll(() => stack.disposeAsync());

  const start = async () => {
    caller = nodeClient(authority.identity, await node.start(authority), { key: caller.key });
  };
  const lease = (slice: string) => caller.client.requestLease({ body: leaseFor(slice, { memoryMiB: 32 }) });
  const states = async () =>
    Object.fromEntries((await caller.client.listSlivers({})).items.map(({ slice, state }) => [slice, state]));
  const until = async (wanted: Readonly<Record<string, string>>) => {
    const sorted = (all: object) => JSON.stringify(Object.entries(all).sort());
    await eventually(async () => sorted(await states()) === sorted(wanted), 30_000);
    expect(await states()).toEqual(wanted);
  };
  const endAll = async () => {
    for (const { id } of (await caller.client.listLeases({})).items)
      await caller.client.endLease({ params: { lease: id } });
    await until({});
  };
  const pidOf = (slice: string) =>
    Number(JSON.parse(readFileSync(`/run/planetlab/${node.tag}/oci/${slice}/status`, 'utf8')).pid);
  const BOTH = { test_one: 'running', test_two: 'running' };

  it('has its slivers again after a reboot, with what they had written', async () => {
    for (const slice of Object.keys(BOTH)) await lease(slice);
    await until(BOTH);
    await caller.exec('test_one', ['sh', '-c', 'echo kept > /root/file']);
    await node.stop('SIGKILL');
    // all that the kernel had, as after a reboot: links go with the machines' namespaces
    await killCgroupTree(`planetlab/${node.tag}`);
    await removeCgroupTree(`planetlab/${node.tag}`);
    unmountUnder(`/run/planetlab/${node.tag}`);
    rmSync(`/run/planetlab/${node.tag}`, { recursive: true });
    await start();
    await until(BOTH);
    expect((await caller.exec('test_one', ['cat', '/root/file'])).stdout).toBe('kept\n');
  });

  it('knows its running slivers again when its database is destroyed, and removes only what is its own and unknown', async () => {
    const before = [pidOf('test_one'), pidOf('test_two')];
    const ids = (await caller.client.listLeases({})).items.map(({ id }) => id);
    await node.stop('SIGKILL');
    for (const part of ['', '-wal', '-shm']) rmSync(`${node.stateDir}/node.db${part}`, { force: true });
    writeFileSync(`${node.stateDir}/node.db`, 'destroyed');
    const prefix = `pl${node.tag.slice(0, 4)}`;
    const alike = [`${prefix}-x`, `${prefix}x-7`, `x${prefix}-7`, 'plffff-7'];
    const links = [...alike, `${prefix}-77`]
      .map((name, number) => `link add ${name} type veth peer name other${number}`)
      .join('\n');
    await systemRunner.run({ argv: [...inNamespace(node.namespace), 'ip', '-batch', '-'], input: `${links}\n` });
    const foreign = cgroupFolder(readCgroupHierarchies(), 'pids', 'planetlab/ffffffff') ?? '';
    mkdirSync(`${foreign}/test_one`, { recursive: true });
    mkdirSync('/run/planetlab/ffffffff/roots/test_one', { recursive: true });
    mkdirSync(`${node.stateDir}/slivers/test_unknown/upper`, { recursive: true });
    try {
      await start();
      await until(BOTH);
      expect([pidOf('test_one'), pidOf('test_two')]).toEqual(before);
      expect((await caller.client.listLeases({})).items.map(({ id }) => id)).toEqual(ids);
      const table = () => readFileSync(`/proc/${node.process().pid}/net/dev`, 'utf8');
      expect(await eventually(() => !table().includes(`${prefix}-77:`))).toBe(true);
      expect(await eventually(() => !existsSync(`${node.stateDir}/slivers/test_unknown`))).toBe(true);
      for (const name of alike) expect(table()).toContain(`${name}:`);
      expect(existsSync(`${foreign}/test_one`)).toBe(true);
      expect(existsSync('/run/planetlab/ffffffff/roots/test_one')).toBe(true);
      expect(existsSync(`${node.stateDir}/node.db.damaged`)).toBe(true);
    } finally {
      for (const folder of [`${foreign}/test_one`, foreign]) rmdirSync(folder);
      rmSync('/run/planetlab/ffffffff', { recursive: true });
    }
  });

  it('ends a step that hangs, says so, tries again, and makes other slivers meanwhile', async () => {
    await node.stop('SIGTERM');
    const programs = join(node.stateDir, '..', 'programs');
    const hanging = join(programs, 'hanging');
    const real = (await systemRunner.run({ argv: ['sh', '-c', 'command -v crun'] })).stdout.trim();
    mkdirSync(programs);
    writeFileSync(hanging, '');
    const script = `#!/bin/sh\ncase "$*" in *create*test_hangs) [ -e ${hanging} ] && exec sleep 600 ;; esac\nexec ${real} "$@"\n`;
    writeFileSync(join(programs, 'crun'), script, { mode: 0o755 });
    const path = process.env['PATH'];
    process.env['PATH'] = `${programs}:${path}`;
    await start().finally(() => {
      process.env['PATH'] = path;
    });
    await lease('test_hangs');
    await lease('test_three');
    await until({ test_hangs: 'failed', ...BOTH, test_three: 'running' });
    const { reason } = await caller.client.getSliver({ params: { slice: leaseFor('test_hangs').slice } });
    expect(reason).toMatchObject({ code: 'step_failed' });
    expect(reason?.message).toContain(`did not end within ${STEP_TIMEOUT_MS} ms`);
    rmSync(hanging);
    await until({ test_hangs: 'running', ...BOTH, test_three: 'running' });
    await endAll();
  });

  it('refuses on a full disk, makes nothing by halves, and goes on when there is room', async () => {
    await node.stop('SIGTERM');
    const aside = join(node.stateDir, '..', 'aside');
    cpSync(node.stateDir, aside, { recursive: true });
    await systemRunner.run({ argv: ['mount', '-t', 'tmpfs', '-o', 'size=300m,mode=0700', 'tmpfs', node.stateDir] });
    try {
      cpSync(aside, node.stateDir, { recursive: true });
      await start();
      await lease('test_first');
      await until({ test_first: 'running' });
      const filler = join(node.stateDir, 'filler');
      await systemRunner.run({ argv: ['dd', 'if=/dev/zero', `of=${filler}`, 'bs=1M'] }).catch(() => {}); // until it is full
      await expect(lease('test_late')).rejects.toMatchObject({ code: 'insufficient_resources' });
      expect(await states()).toEqual({ test_first: 'running' });
      expect(readdirSync(`${node.stateDir}/leases`)).toEqual(['test_first.json']);
      rmSync(filler);
      await lease('test_late');
      await until({ test_first: 'running', test_late: 'running' });
      await endAll();
      await node.stop('SIGTERM');
    } finally {
      await node.stop('SIGKILL');
      unmount(node.stateDir);
    }
  });
});
