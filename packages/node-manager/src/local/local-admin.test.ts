import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { generateKeyPair, issueLease } from '@planetlab/credentials';
import { AuthorityName, PersonEmail } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { checkDecisions, NO_DECISIONS, stopReason } from '../admission/decisions.ts';
import { createDirectory } from '../slivers/directory.ts';
import { createEventHub } from '../slivers/event-hub.ts';
import { AUTHORITY, leaseOf, NOW_MS, slice, storeIn, temporaryFolder } from '../testing/fixtures.ts';
import { openDecisionFile, readDecisions } from './decision-file.ts';
import { createLocalAdmin, endBannedLeases } from './local-admin.ts';

/** An administrator of a node with leases for these slices. */
function adminWith(folder: string, ...slices: string[]) {
  const key = generateKeyPair();
  const store = storeIn(folder, key);
  slices.forEach((name, at) => {
    const lease = leaseOf(name);
    store.addLeases([{ lease, token: issueLease(key, lease), imageDigest: 'd'.repeat(64), index: at + 2, keys: [] }]);
  });
  const now = () => NOW_MS;
  const addresses = { sliverIpv4Range: '100.96.0.0/16', ipv6Prefix: null, idBase: 100_000_000 };
  const directory = createDirectory({ store, hub: createEventHub(), addresses, now });
  const decisions = openDecisionFile(join(folder, 'decisions.json'));
  const changes: string[] = [];
  const said: string[] = [];
  const say = (_fields: unknown, message: string) => void said.push(message);
  const logger = { info() {}, warn: say, error: say };
  const changed = (name: string) => changes.push(name);
  const unused = () => {
    throw new Error('not asked for here');
  };
  const admin = createLocalAdmin({
    ...{ store, directory, decisions, now, changed, logger },
    vmm: { stats: unused } as never, // nothing runs here
    about: unused,
  });
  return { admin, store, decisions, changes, now, logger, said, [Symbol.dispose]: () => store.close() };
}

const subject = (name: string, authority: string = AUTHORITY) => ({
  slice: slice(name),
  authority: AuthorityName.parse(authority),
});

describe('the administrator of a machine', () => {
  it('bans a slice or an authority: its leases end, and it gets no more', () => {
    using folder = temporaryFolder();
    using node = adminWith(folder.path, 'a1_x', 'b2_y');
    node.admin.ban(slice('a1_x'), 'scans ports');
    expect(node.changes).toEqual(['a1_x']);
    expect(node.store.liveLeases().map(({ lease }) => lease.slice)).toEqual(['b2_y']);
    expect(() => checkDecisions(node.decisions.current(), subject('a1_x'))).toThrow('has banned a1_x (scans ports)');
    expect(() => checkDecisions(node.decisions.current(), subject('b2_y'))).not.toThrow();
    node.admin.ban(AUTHORITY, null);
    expect(node.store.liveLeases()).toEqual([]);
    expect(() => checkDecisions(node.decisions.current(), subject('c3_z'))).toThrow(`has banned ${AUTHORITY}.`);
    node.admin.unban(AUTHORITY);
    node.admin.unban(slice('a1_x'));
    expect(() => node.admin.unban(slice('a1_x'))).toThrow('not banned');
    expect(() => checkDecisions(node.decisions.current(), subject('a1_x'))).not.toThrow();
  });

  it('stops a sliver without ending its lease, until it is started again', () => {
    using folder = temporaryFolder();
    using node = adminWith(folder.path, 'a1_x');
    node.admin.stop(slice('a1_x'), 'too noisy');
    expect(stopReason(node.decisions.current(), subject('a1_x'))?.message).toBe(
      "Stopped by the node's administrator (too noisy).",
    );
    expect(node.store.liveLeases()).toHaveLength(1);
    node.admin.start(slice('a1_x'));
    expect(stopReason(node.decisions.current(), subject('a1_x'))).toBeUndefined();
    expect(node.changes).toEqual(['a1_x', 'a1_x']);
    expect(() => node.admin.stop(slice('z9_z'), null)).toThrow('has no sliver');
    expect(() => node.admin.start(slice('a1_x'))).toThrow('not among those');
  });

  it('sees the people of each sliver, each once, and none where no one has a key', async () => {
    using folder = temporaryFolder();
    using node = adminWith(folder.path, 'a1_x', 'b2_y');
    const key = (person: string, at: number) => ({ person: PersonEmail.parse(person), key: `ssh-ed25519 AAAA${at}` });
    node.store.setAccess(slice('a1_x'), ['ada@example.org', 'bob@example.org', 'ada@example.org'].map(key));
    expect((await node.admin.slivers()).map(({ people }) => people)).toEqual([
      ['ada@example.org', 'bob@example.org'],
      [],
    ]);
  });

  it('drains the node: nothing is leased or renewed, and nothing ends early', () => {
    using folder = temporaryFolder();
    using node = adminWith(folder.path, 'a1_x');
    node.admin.drain('new disk on Friday');
    expect(() => checkDecisions(node.decisions.current(), subject('b2_y'))).toThrow('run empty (new disk on Friday)');
    expect(node.store.liveLeases()).toHaveLength(1);
    node.admin.undrain();
    expect(node.decisions.current()).toEqual(NO_DECISIONS);
  });

  it('has each decision in the log, and in force after a restart, also what was decided while no manager ran', () => {
    using folder = temporaryFolder();
    using node = adminWith(folder.path, 'a1_x', 'b2_y');
    node.admin.stop(slice('a1_x'), null);
    node.admin.ban(slice('c3_z'), 'why');
    const steps = node.store.listSteps({ slices: 'all', limit: 10 });
    expect(steps.map(({ step, slice: of, message }) => [step, of, message])).toEqual([
      ['AdministratorBan', 'c3_z', 'c3_z: why'],
      ['AdministratorStop', 'a1_x', null],
    ]);
    const path = join(folder.path, 'decisions.json');
    openDecisionFile(path).change((before) => ({
      ...before,
      bans: [...before.bans, { subject: slice('b2_y'), reason: null, at: new Date(NOW_MS).toISOString() }],
    }));
    const decisions = openDecisionFile(path);
    expect(endBannedLeases({ ...node, decisions })).toEqual(['b2_y']);
    expect(readDecisions(path).stopped.map((stop) => stop.slice)).toEqual(['a1_x']);
  });

  it('stops and bans on a full disk all the same, and is told that it will be forgotten', () => {
    using folder = temporaryFolder();
    using node = adminWith(folder.path, 'a1_x', 'b2_y');
    const full = () => {
      throw new Error('no space left on device');
    };
    Object.assign(node.store, { endLease: full, logSteps: full });
    mkdirSync(join(folder.path, 'decisions.json.new')); // so that it cannot be written
    const unwritten = /holds only until the node manager starts again: .*decisions\.json cannot be written/;
    const reason = (name: string) => stopReason(node.decisions.current(), subject(name))?.message;
    expect(() => node.admin.stop(slice('a1_x'), 'fills the disk')).toThrow(unwritten);
    expect(node.changes.splice(0)).toEqual(['a1_x']);
    expect(reason('a1_x')).toContain('fills the disk');
    expect(() => node.admin.ban(slice('b2_y'), 'fills it as well')).toThrow(unwritten);
    expect(node.changes.splice(0)).toEqual(['b2_y']);
    expect(reason('b2_y'), 'its lease could not be ended').toContain('has banned b2_y (fills it as well)');
    expect(new Set(node.said)).toEqual(
      new Set(['a decision could not be logged', 'the lease of a banned slice could not be ended']),
    );
    rmdirSync(join(folder.path, 'decisions.json.new'));
    node.admin.unban(slice('b2_y'));
    expect(node.changes).toEqual(['b2_y']);
    expect(reason('b2_y')).toBeUndefined();
    expect(readDecisions(join(folder.path, 'decisions.json')).stopped, 'written down with the next').toHaveLength(1);
  });

  it('is told when the decisions cannot be read, for a ban must not be forgotten', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'decisions.json');
    writeFileSync(path, '{"bans": [');
    expect(() => openDecisionFile(path)).toThrow('it is not known who is banned');
  });
});
