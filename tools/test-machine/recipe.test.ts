import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { qemuArguments } from './machine.ts';
import { debianRecipe, packagesFor, recipeKey } from './recipe.ts';

const LIST = readFileSync(join(import.meta.dirname, '../setup/packages.txt'), 'utf8');

describe('the test machine', () => {
  it('has what a node and its tests need, and no browser', () => {
    const { packages } = debianRecipe(LIST);
    expect(packagesFor(LIST, ['all']).filter((name) => !packages.includes(name))).toEqual([]);
    expect(packages).toContain('systemd-sysv');
    expect(packages).not.toContain('chromium');
    expect(packages).not.toContain('qemu-system-x86');
  });

  it('is made again when anything in its recipe changes, and only then', () => {
    const recipe = debianRecipe(LIST);
    expect(recipeKey(debianRecipe(`# a comment\n${LIST}`))).toBe(recipeKey(recipe));
    expect(recipeKey(debianRecipe(`${LIST}all strace for looking\n`))).not.toBe(recipeKey(recipe));
  });

  const base = { disk: '/c/root', kernel: '/c/vmlinuz', initrd: '/c/initrd' };
  const words = (kvm: boolean) =>
    qemuArguments({ base, sources: '/s/sources', scratch: '/s', kvm, consoleLog: '/c/log' }).join(' ');

  it.each([true, false])('writes to no disk of the cache, and has no network (under KVM: %s)', (kvm) => {
    expect(words(kvm).match(/if=none/g)).toHaveLength(2);
    expect(words(kvm).match(/snapshot=on/g)).toHaveLength(2);
    expect(words(kvm)).toContain('-nic none');
  });

  it('has a clock that counts instructions when it is emulated, and only then', () => {
    expect(words(false)).toMatch(/-accel tcg.* -icount /);
    expect(words(true)).not.toContain('-icount');
  });
});
