/**
 * `plc-package.ts [--out dist] [--revision N]`: builds the Debian package of the PLC for this machine's architecture,
 * with its own Node.js and the console inside. The same sources give the same bytes.
 */
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'vite';
import { bundleProgram } from './bundle.ts';
import {
  buildFromCommandLine,
  install,
  installNode,
  installService,
  licenceOf,
  type PackageContents,
  ROOT,
} from './debian-package.ts';
import { installNative, type NativeLibrary } from './native.ts';

const NATIVE: readonly NativeLibrary[] = ['koffi'];
const SOURCES = join(ROOT, 'packaging/plc');

const CONTENTS: PackageContents = {
  name: 'planetlab-plc',
  sources: SOURCES,
  async fill(staging, version) {
    const libraries = new Set(await fillProgram(join(staging, 'usr/lib/planetlab-plc'), version));
    for (const library of await fillConsole(join(staging, 'usr/share/planetlab-plc/console'))) libraries.add(library);
    installService(CONTENTS, staging, { program: 'planetlab-plc', settings: 'plc.conf', guide: 'plc.md' });
    const dashboards = join(SOURCES, 'grafana');
    for (const name of readdirSync(dashboards))
      install(join(dashboards, name), join(staging, 'usr/share/doc/planetlab-plc/grafana', name));
    return [...libraries].map(licenceOf).join('\n');
  },
};

/** The program as few files, and Node.js. Returns the libraries in it. */
async function fillProgram(target: string, version: string): Promise<readonly string[]> {
  const libraries = await bundleProgram(ROOT, 'apps/plc/main.ts', target, NATIVE, 'reflect-metadata');
  writeFileSync(join(target, 'package.json'), `${JSON.stringify({ type: 'module', version })}\n`);
  return [installNode(target), ...installNative(target, NATIVE), ...libraries];
}

/** The console as browsers load it. Returns the libraries in it. */
async function fillConsole(target: string): Promise<readonly string[]> {
  const libraries = new Set<string>();
  await build({
    root: join(ROOT, 'apps/console'),
    logLevel: 'error',
    build: { outDir: target, emptyOutDir: true },
    plugins: [
      {
        name: 'planetlab-libraries',
        moduleParsed({ id }) {
          const name = /node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(id.slice(id.lastIndexOf('node_modules/')))?.[1];
          if (name !== undefined) libraries.add(name);
        },
      },
    ],
  });
  return [...libraries].sort();
}

if (import.meta.main) await buildFromCommandLine(CONTENTS);
