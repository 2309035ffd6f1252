import { cpSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ROOT } from './debian-package.ts';

export type NativeLibrary = 'koffi' | '@lydell/node-pty';

/** Not bundled: they load native code from beside themselves. Of each package the files that it needs to run here. */
const PARTS: Readonly<Record<NativeLibrary, readonly (readonly [name: string, files: RegExp])[]>> = {
  koffi: [
    [
      'koffi',
      /^(package\.json|index\.c?js|indirect\.c?js|LICENSE.*|src(\/koffi(\/(src(\/[a-z0-9_]+\.c?js)?|[a-z0-9_]+\.c?js))?)?)$/,
    ],
    [`@koromix/koffi-linux-${process.arch}`, /^(package\.json|index\.js|linux_.*)$/],
  ],
  '@lydell/node-pty': [
    ['@lydell/node-pty', /^(package\.json|LICENSE|(shared|worker)?(\/?[A-Za-z2]+\.js)?)$/],
    [`@lydell/node-pty-linux-${process.arch}`, /^(package\.json|pty\.node)$/],
  ],
};

/** Beside a program; the names of the npm packages that they are. */
export function installNative(target: string, libraries: readonly NativeLibrary[]): readonly string[] {
  const packages = libraries.flatMap((library) => PARTS[library]);
  for (const [name, wanted] of packages) {
    const from = join(ROOT, 'node_modules', name);
    cpSync(from, join(target, 'node_modules', name), {
      recursive: true,
      filter: (source) => source === from || wanted.test(relative(from, source)),
    });
  }
  return packages.map(([name]) => name);
}
