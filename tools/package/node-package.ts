/**
 * `node-package.ts [--out dist] [--revision N]`: builds the Debian package of the node manager for this machine's
 * architecture, with its own Node.js inside. The same sources give the same bytes.
 */
import { cpSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { bundleProgram } from './bundle.ts';
import {
  buildFromCommandLine,
  installNode,
  installService,
  licenceOf,
  type PackageContents,
  ROOT,
} from './debian-package.ts';

/** Not bundled: they load native code from beside themselves. */
const NATIVE = ['koffi', '@lydell/node-pty'];

const CONTENTS: PackageContents = {
  name: 'planetlab-node',
  sources: join(ROOT, 'packaging/node'),
  async fill(staging) {
    installService(CONTENTS, staging, { program: 'pl-node', settings: 'node.json', guide: 'node.md' });
    return fillProgram(join(staging, 'usr/lib/planetlab-node'));
  },
};

/** Our programs as few files, Node.js, and what cannot be bundled because it is native. Returns licences of others. */
async function fillProgram(target: string): Promise<string> {
  const libraries = await bundleProgram(ROOT, 'apps/node-manager/main.ts', target, NATIVE);
  writeFileSync(join(target, 'package.json'), '{ "type": "module" }\n');
  const node = installNode(target);
  const native = [
    [
      'koffi',
      /^(package\.json|index\.c?js|indirect\.c?js|LICENSE.*|src(\/koffi(\/(src(\/[a-z0-9_]+\.c?js)?|[a-z0-9_]+\.c?js))?)?)$/,
    ],
    [`@koromix/koffi-linux-${process.arch}`, /^(package\.json|index\.js|linux_.*)$/],
    ['@lydell/node-pty', /^(package\.json|LICENSE|(shared|worker)?(\/?[A-Za-z2]+\.js)?)$/],
    [`@lydell/node-pty-linux-${process.arch}`, /^(package\.json|pty\.node)$/],
  ] as const;
  for (const [name, wanted] of native) {
    const from = join(ROOT, 'node_modules', name);
    cpSync(from, join(target, 'node_modules', name), {
      recursive: true,
      filter: (source) => source === from || wanted.test(relative(from, source)),
    });
  }
  return [node, ...native.map(([name]) => name), ...libraries].map(licenceOf).join('\n');
}

if (import.meta.main) await buildFromCommandLine(CONTENTS);
