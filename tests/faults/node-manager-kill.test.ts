import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { cgroupFolder, mountsUnder, processesUnder, readCgroupHierarchies } from '@planetlab/linux';
import { expect, it } from 'vitest';
import { describeNode } from '../host/describe-node.ts';
import { eventually, leaseFor } from '../host/node-fixture.ts';

const SLICES = Array.from({ length: 20 }, (_, index) => `test_kill${String(index).padStart(2, '0')}`);
/** Moments of death after the first request, in milliseconds: amid the first slivers, in the middle, near the end. */
const KILLED_AFTER_MS = [60, 250, 600];

describeNode('a node manager that is killed while it creates 20 slivers', { name: 'node-kill' }, (world) => {
  const runtimeRoot = () => `/run/planetlab/${world.node.tag}/oci`;
  /** First process of each machine that runs. */
  const machines = () =>
    new Map(
      readdirSync(runtimeRoot()).flatMap((slice) => {
        const file = `${runtimeRoot()}/${slice}/status`;
        const started = existsSync(file) && !existsSync(`${runtimeRoot()}/${slice}/exec.fifo`);
        return started ? [[slice, Number(JSON.parse(readFileSync(file, 'utf8')).pid)] as const] : [];
      }),
    );
  const links = () =>
    readFileSync(`/proc/${world.node.process().pid}/net/dev`, 'utf8').match(/pl[0-9a-f]{4}-\d+/g) ?? [];
  const cgroup = () => cgroupFolder(readCgroupHierarchies(), 'pids', `planetlab/${world.node.tag}`) ?? '';
  const states = async () => (await world.caller.client.listSlivers({})).items.map(({ state }) => state);

  it.each(KILLED_AFTER_MS)('leaves running slivers alone and converges, killed after %d ms', async (afterMs) => {
    const asking = SLICES.map((slice) =>
      world.caller.client.requestLease({ body: leaseFor(slice, { memoryMiB: 32 }) }),
    );
    const settled = Promise.allSettled(asking);
    await delay(afterMs);
    await world.node.stop('SIGKILL');
    const running = machines();
    const granted = (await settled).filter(({ status }) => status === 'fulfilled').length;
    await world.start();
    // what was granted is remembered; the rest is asked for again, as a broker does
    expect((await world.caller.client.listLeases({})).items.length).toBeGreaterThanOrEqual(granted);
    for (const slice of SLICES) await world.caller.client.requestLease({ body: leaseFor(slice, { memoryMiB: 32 }) });
    const all = await eventually(
      async () => (await states()).filter((state) => state === 'running').length === 20,
      60_000,
    );
    expect(all, JSON.stringify((await world.caller.client.listSlivers({})).items.map(({ reason }) => reason))).toBe(
      true,
    );

    const now = machines();
    for (const [slice, pid] of running) expect({ slice, pid: now.get(slice) }).toEqual({ slice, pid });
    expect([...now.keys()].sort()).toEqual(SLICES);
    expect(new Set(links()).size).toBe(20);
    expect(links().length).toBe(20);
    expect(processesUnder(cgroup()).length, 'one waiting process in each, none twice').toBe(20);
    const roots = mountsUnder(`/run/planetlab/${world.node.tag}/roots`).filter((point) => point.endsWith('/root'));
    expect([roots.length, new Set(roots).size], 'one in each, none twice').toEqual([20, 20]);
    for (const slice of [SLICES[0], SLICES[19]]) {
      const said = await world.caller.exec(slice ?? '', ['sh', '-c', 'ip -4 -o address show dev eth0 | wc -l; id -u']);
      expect(said.stdout).toBe('1\n0\n');
    }

    for (const { id } of (await world.caller.client.listLeases({})).items) {
      await world.caller.client.endLease({ params: { lease: id } });
    }
    expect(await eventually(async () => (await states()).length === 0, 60_000)).toBe(true);
    expect(links()).toEqual([]);
    expect(machines().size).toBe(0);
    expect(readdirSync(`${world.node.stateDir}/slivers`)).toEqual([]);
    expect(mountsUnder(`/run/planetlab/${world.node.tag}/roots`).length).toBe(1);
    expect(processesUnder(cgroup())).toEqual([]);
  });

  it('purges everything of the node, even with its database and identity destroyed', async () => {
    await world.caller.client.requestLease({ body: leaseFor('test_purged') });
    expect(await eventually(async () => (await states())[0] === 'running')).toBe(true);
    await world.node.stop('SIGKILL');
    rmSync(`${world.node.stateDir}/node.json`);
    writeFileSync(`${world.node.stateDir}/node.db`, 'not a database');
    await world.node[Symbol.asyncDispose]();
    expect(existsSync(world.node.stateDir)).toBe(false);
    expect(existsSync(`/run/planetlab/${world.node.tag}`)).toBe(false);
    expect(existsSync(cgroup())).toBe(false);
  });
});
