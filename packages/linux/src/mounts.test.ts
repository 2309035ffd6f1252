import { describe, expect, it } from 'vitest';
import { overlayOptions } from './mounts.ts';

describe('the options of an overlay', () => {
  it('escape what has a meaning in them', () => {
    const folders = { lower: '/a:b', upper: '/c,d', work: '/e\\f' };
    expect(overlayOptions(folders)).toBe('lowerdir=/a\\:b,upperdir=/c\\,d,workdir=/e\\\\f');
  });
});
