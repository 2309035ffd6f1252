/**
 * `node-package.ts [--out dist] [--revision N]`: builds the Debian package of the node manager for this machine's
 * architecture, with its own Node.js inside. The same sources give the same bytes.
 */
import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { bundleProgram } from './bundle.ts';
import {
  buildFromCommandLine,
  install,
  installNode,
  licenceOf,
  type PackageContents,
  ROOT,
  write,
} from './debian-package.ts';

const SOURCES = join(ROOT, 'packaging/node');
/** Not bundled: they load native code from beside themselves. */
const NATIVE = ['koffi', '@lydell/node-pty'];

const CONTENTS: PackageContents = {
  name: 'planetlab-node',
  sources: SOURCES,
  async fill(staging) {
    fillSystem(staging);
    fillDocuments(join(staging, 'usr/share'));
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

function fillSystem(staging: string): void {
  install(join(SOURCES, 'pl-node'), join(staging, 'usr/bin/pl-node'), 0o755);
  install(join(SOURCES, 'node.json'), join(staging, 'etc/planetlab/node.json'));
  install(join(SOURCES, 'planetlab-node.init'), join(staging, 'etc/init.d/planetlab-node'), 0o755);
  install(join(SOURCES, 'planetlab-node.service'), join(staging, 'usr/lib/systemd/system/planetlab-node.service'));
}

function fillDocuments(share: string): void {
  install(join(ROOT, 'docs/operating/node.md'), join(share, 'doc/planetlab-node/node.md'));
  write(join(share, 'man/man8/pl-node.8.gz'), gzipSync(readFileSync(join(SOURCES, 'pl-node.8')), { level: 9 }));
}

if (import.meta.main) await buildFromCommandLine(CONTENTS);
