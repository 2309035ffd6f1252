import { describe, expect, it } from 'vitest';
import { NodeConfig, parseConfig, parseEndpoint } from './config.ts';
import { addressesOf, freeIndex, lastIndex } from './slivers/addresses.ts';

describe('the configuration', () => {
  it('has a default for everything', () => {
    expect(NodeConfig.parse({})).toMatchObject({ vmm: 'auto', sliverIpv4Range: '100.96.0.0/16', idBase: 100_000_000 });
  });

  it.each([
    ['{"vmm":"kvm"}', 'vmm'],
    ['{"ipv6Prefix":"2001:db8::/48"}', 'ipv6Prefix'],
    ['{"ipv6Prefix":"x::/64"}', 'ipv6Prefix'],
    ['{"sliverIpv4Range":"100.96.0.1/16"}', 'sliverIpv4Range'],
    ['{"apiListen":"8443"}', 'apiListen'],
    ['{"nodeTag":"../../x"}', 'nodeTag'],
    ['{"attachments":{"kernel":"boot/vmlinuz"}}', 'attachments.kernel'],
  ])('says where %s is wrong', (text, where) => {
    expect(() => parseConfig(text, 'config.json')).toThrow(`config.json is malformed at "${where}"`);
  });

  it('says when it is not JSON or has members that nobody reads', () => {
    expect(() => parseConfig('vmm: oci', 'config.json')).toThrow('is not JSON');
    expect(() => parseConfig('{"vm":"oci"}', 'config.json')).toThrow('malformed');
  });

  it('reads addresses with and without brackets', () => {
    expect(parseEndpoint('[fd00::1]:22')).toEqual({ host: 'fd00::1', port: 22 });
    expect(parseEndpoint('0.0.0.0:8443')).toEqual({ host: '0.0.0.0', port: 8443 });
  });
});

describe('addresses', () => {
  const plan = { sliverIpv4Range: '100.96.0.0/16', ipv6Prefix: 'fd70:6c61:0:10::/64', idBase: 100_000_000 };

  it('follow from the index of a sliver', () => {
    expect(addressesOf(plan, 2)).toEqual({ ipv4: '100.96.0.2', ipv6: 'fd70:6c61:0:10::2', idBase: 100_131_072 });
    expect(addressesOf(plan, 300)).toMatchObject({ ipv4: '100.96.1.44', ipv6: 'fd70:6c61:0:10::12c' });
    expect(addressesOf({ ...plan, ipv6Prefix: null }, 2).ipv6).toBeNull();
  });

  it('are given out lowest first, and run out', () => {
    expect(freeIndex(plan, new Set())).toBe(2);
    expect(freeIndex(plan, new Set([2, 3, 5]))).toBe(4);
    const small = { ...plan, sliverIpv4Range: '10.0.0.0/29' };
    expect(lastIndex(small)).toBe(6);
    expect(freeIndex(small, new Set([2, 3, 4, 5, 6]))).toBeUndefined();
    expect(() => addressesOf(small, 7)).toThrow(
      /10\.0\.0\.0\/29, has no address for .* numbered 7\. Make the range larger/,
    );
  });
});
