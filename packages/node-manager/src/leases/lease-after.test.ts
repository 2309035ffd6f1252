import { DEFAULT_RESOURCES } from '@planetlab/model';
import { expect, it } from 'vitest';
import { leaseOf } from '../testing/fixtures.ts';
import { leaseAfter } from './lease-service.ts';

const lease = leaseOf('a1_x');

it('keeps a sliver stopped with the reason of its holder, and lets it run again, under the same lease', () => {
  const stopped = leaseAfter(lease, { stopped: 'The slice is suspended.' });
  expect(stopped).toEqual({ ...lease, stopped: 'The slice is suspended.' });
  const resources = { ...DEFAULT_RESOURCES, memoryMiB: 300 };
  expect(leaseAfter(stopped, { resources })).toEqual({ ...stopped, resources });
  expect(leaseAfter(stopped, { stopped: null })).toEqual(lease);
});

it('stays as it is when it says all of that already: nothing is signed anew', () => {
  expect(leaseAfter(lease, {})).toBe(lease);
  expect(leaseAfter(lease, { stopped: null, resources: lease.resources })).toBe(lease);
});
