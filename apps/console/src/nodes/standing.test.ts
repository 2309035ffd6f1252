import { aNode, before, NOW_MS } from '@planetlab/contract/testing';
import { SiteName } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import {
  decisionsOf,
  interfacesInWords,
  mayManageNode,
  placeOfNode,
  sinceOfNode,
  standingOf,
  tagsInWords,
  vmmOfNode,
  whyNotInService,
  withPlace,
} from './standing.ts';

const skewed = aNode({ reason: { code: 'clock_skew', message: 'Its clock is 10 minutes ahead.' } });
const away = aNode({ state: 'disconnected', lastSeenAt: before(720_000) });
const expected = aNode({ state: 'registered', facts: null, lastSeenAt: null });

describe('the standing of a node', () => {
  it('is in service when connected, at run level boot, and without a reason against it', () => {
    expect(standingOf(aNode())).toBe('in_service');
    expect(standingOf(skewed)).toBe('held');
    expect(standingOf(aNode({ runLevel: 'safeboot' }))).toBe('held');
    expect(standingOf(away)).toBe('disconnected');
    expect(standingOf(expected)).toBe('registered');
  });

  it('always comes with a reason unless it is in service', () => {
    expect(whyNotInService(aNode())).toBeNull();
    expect(whyNotInService(skewed)).toBe('Its clock is 10 minutes ahead.');
    expect(whyNotInService(aNode({ runLevel: 'safeboot' }))).toBe('Its run level is safeboot.');
    expect(whyNotInService(away)).toBe('Its uplink is closed.');
    expect(whyNotInService(expected)).toBe('No machine has joined as this node yet.');
  });

  it('shows what its site says of its interfaces', () => {
    expect(
      interfacesInWords([
        { address: '192.0.2.7', hostname: 'n.example.org', use: 'public' },
        { address: '192.0.2.8', hostname: '', use: 'management' },
      ]),
    ).toBe('192.0.2.7 (n.example.org), 192.0.2.8 (management)');
  });

  it('says since when, as far as is known', () => {
    expect(sinceOfNode(aNode(), NOW_MS)).toBe('started 1 h ago');
    expect(sinceOfNode(away, NOW_MS)).toBe('last seen 12 min ago');
    expect(sinceOfNode(expected, NOW_MS)).toBe('registered 24 h ago');
  });

  it('calls a simulated VMM simulated', () => {
    const { facts } = aNode();
    const vmm = { driver: 'null', detail: '', simulated: true };
    expect(vmmOfNode(aNode({ facts: { ...facts, vmm } }))).toBe('simulated');
    expect(vmmOfNode(aNode())).toBe('oci');
    expect(vmmOfNode(expected)).toBe('–');
  });

  it('names the place with its country, and takes the one that the node declares where the authority has none', () => {
    expect(placeOfNode(aNode())).toBe('Tokyo, Japan');
    const place = { city: 'Zürich', country: 'CH', latitude: 47, longitude: 8 };
    const { facts } = aNode();
    const declared = aNode({ place: null, facts: { ...facts, place } });
    expect(placeOfNode(declared)).toBeNull();
    expect(placeOfNode(withPlace(declared))).toBe('Zürich, Switzerland');
  });
});

it('is looked after by admins, and by PIs and techs of its site', () => {
  const may = (role: 'admin' | 'pi' | 'tech' | 'user', site: string | null) => {
    const roles = [{ role, site: site === null ? null : SiteName.parse(site) }];
    return mayManageNode({ roles }, aNode());
  };
  expect([may('admin', null), may('pi', 'keio'), may('tech', 'keio')]).toEqual([true, true, true]);
  expect([may('user', 'keio'), may('pi', 'eth'), may('tech', 'eth')]).toEqual([false, false, false]);
});

it('what people decided about a node is told with its name, and its tags as they are typed', () => {
  const decision = { reason: 'a new disk', at: before(60_000), by: 'person:ada@example.org' };
  const node = aNode({ runLevel: 'safeboot', runLevelDecision: decision, quarantine: decision, tags: { rack: '7' } });
  expect(decisionsOf(node).map(({ name }) => name)).toEqual(['Run level safeboot', 'In quarantine']);
  expect(decisionsOf(aNode())).toEqual([]);
  const reboot = { ...decision, now: false, askedAt: null };
  const drained = { ...decision, reason: 'to be rebooted: a new disk' };
  expect(decisionsOf(aNode({ reboot, drain: drained })).map(({ name }) => name)).toEqual(['To be rebooted']);
  const earlier = { ...drained, at: before(120_000) };
  expect(decisionsOf(aNode({ reboot, drain: earlier })).map(({ name }) => name)).toEqual(['Drained', 'To be rebooted']);
  expect(tagsInWords(node.tags)).toBe('rack=7');
});
