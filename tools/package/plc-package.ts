/**
 * `plc-package.ts [--out dist] [--revision N]`: builds the Debian package of the PLC for this machine's architecture,
 * with its own Node.js and the console inside. The same sources give the same bytes.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'vite';
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

const SOURCES = join(ROOT, 'packaging/plc');

const CONTENTS: PackageContents = {
  name: 'planetlab-plc',
  sources: SOURCES,
  async fill(staging, version) {
    const libraries = new Set(await fillProgram(join(staging, 'usr/lib/planetlab-plc'), version));
    for (const library of await fillConsole(join(staging, 'usr/share/planetlab-plc/console'))) libraries.add(library);
    fillSystem(staging);
    fillDocuments(join(staging, 'usr/share'));
    return [...libraries].map(licenceOf).join('\n');
  },
};

/** The program as few files, and Node.js. Returns the libraries in it. */
async function fillProgram(target: string, version: string): Promise<readonly string[]> {
  const libraries = await bundleProgram(ROOT, 'apps/plc/main.ts', target, [], 'reflect-metadata');
  writeFileSync(join(target, 'package.json'), `${JSON.stringify({ type: 'module', version })}\n`);
  return [installNode(target), ...libraries];
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

function fillSystem(staging: string): void {
  install(join(SOURCES, 'planetlab-plc'), join(staging, 'usr/bin/planetlab-plc'), 0o755);
  install(join(SOURCES, 'plc.conf'), join(staging, 'etc/planetlab/plc.conf'));
  install(join(SOURCES, 'planetlab-plc.init'), join(staging, 'etc/init.d/planetlab-plc'), 0o755);
  install(join(SOURCES, 'planetlab-plc.service'), join(staging, 'usr/lib/systemd/system/planetlab-plc.service'));
}

function fillDocuments(share: string): void {
  const documents = join(share, 'doc/planetlab-plc');
  install(join(ROOT, 'docs/operating/plc.md'), join(documents, 'plc.md'));
  const dashboards = join(SOURCES, 'grafana');
  for (const name of readdirSync(dashboards)) install(join(dashboards, name), join(documents, 'grafana', name));
  const page = gzipSync(readFileSync(join(SOURCES, 'planetlab-plc.8')), { level: 9 });
  write(join(share, 'man/man8/planetlab-plc.8.gz'), page);
}

if (import.meta.main) await buildFromCommandLine(CONTENTS);
