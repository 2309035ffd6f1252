import { describe, expect, it } from 'vitest';
import { inNamespace, namespacePath } from './namespaces.ts';

describe('a named network namespace', () => {
  it('is entered without touching mounts', () => {
    expect(inNamespace('plc')).toEqual(['nsenter', '--net=/run/netns/plc', '--']);
  });

  it.each(['', '..', '../../proc/1/ns/net', 'a/b', '-h'])('is not called %j', (name) => {
    expect(() => namespacePath(name)).toThrow(RangeError);
  });
});
