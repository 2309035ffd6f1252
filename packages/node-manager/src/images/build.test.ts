import { ImageName } from '@planetlab/model';
import { describe, expect, it } from 'vitest';
import { mmdebstrapArguments, suiteOf } from './build.ts';

describe('an image that is built here', () => {
  it('is of the release that its name says, whatever the host runs', () => {
    expect(suiteOf(ImageName.parse('debian-12'))).toBe('bookworm');
    expect(suiteOf(ImageName.parse('debian-13'))).toBe('trixie');
    expect(mmdebstrapArguments('bookworm', '/images/new').slice(-2)).toEqual(['bookworm', '/images/new']);
  });

  it('is one that can be built; for others it says what to do', () => {
    expect(() => suiteOf(ImageName.parse('fedora-42'))).toThrow(
      /debian-12 and debian-13 .* image import fedora-42 FILE/,
    );
  });
});
