/**
 * `node-package.ts [--out dist] [--revision N]`: builds the Debian package of the node manager for this machine's
 * architecture, with its own Node.js inside. The same sources give the same bytes.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleProgram } from './bundle.ts';
import {
  buildFromCommandLine,
  installNode,
  installService,
  licenceOf,
  type PackageContents,
  ROOT,
} from './debian-package.ts';
import { installNative, type NativeLibrary } from './native.ts';

const NATIVE: readonly NativeLibrary[] = ['koffi', '@lydell/node-pty'];

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
  const native = installNative(target, NATIVE);
  return [node, ...native, ...libraries].map(licenceOf).join('\n');
}

if (import.meta.main) await buildFromCommandLine(CONTENTS);
