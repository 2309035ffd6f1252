import { describe, expect, it } from 'vitest';
import { isOrphan } from './orphans.ts';

const marks = { runtimeRoot: '/run/planetlab/00000000/oci', slivers: '/var/lib/planetlab/node/slivers' };

describe('what an earlier manager has left running', () => {
  it.each([
    ['a call that changes a machine', ['crun', '--root', marks.runtimeRoot, 'create', 'a_x'], true],
    ['a program in a machine', ['crun', '--root', marks.runtimeRoot, 'exec', 'a_x', 'create'], false],
    ['a call of another node', ['crun', '--root', '/run/planetlab/11111111/oci', 'create', 'a_x'], false],
    ['the removal of a volume', ['rm', '-rf', '--', `${marks.slivers}/a_x`], true],
    ['the removal of all volumes', ['rm', '-rf', '--', marks.slivers], true],
    ['a removal of another node', ['rm', '-rf', '--', '/tmp/node/slivers/a_x'], false],
    ['another program that names a volume', ['ls', '--', `${marks.slivers}/a_x`], false],
  ])('%s', (_title, argv, orphan) => {
    expect(isOrphan([...argv, ''], marks)).toBe(orphan); // as /proc has it
  });
});
