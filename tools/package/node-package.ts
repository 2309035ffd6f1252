/**
 * `node-package.ts [--out dist] [--revision N]`: builds the Debian package of the node manager for this machine's
 * architecture, with its own Node.js inside. The same sources give the same bytes.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  lutimesSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { bundleNodeManager } from './bundle.ts';

const ROOT = resolve(import.meta.dirname, '../..');
const SOURCES = join(ROOT, 'packaging/node');
const DEBIAN_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

interface Options {
  /** Folder for the package. */
  readonly out: string;
  /** Debian revision, after the version; none by default. */
  readonly revision: string | undefined;
  /** Seconds since 1970 that every file gets. */
  readonly epoch: number;
}

/** Builds the package; its path. */
export async function packageNode({ out, revision, epoch }: Options): Promise<string> {
  const architecture = DEBIAN_ARCHITECTURES[process.arch];
  if (architecture === undefined) throw new Error(`there is no package for ${process.arch}`);
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const full = revision === undefined ? version : `${version}-${revision}`;
  const staging = mkdtempSync(join(tmpdir(), 'planetlab-package-'));
  try {
    chmodSync(staging, 0o755);
    const licences = await fillProgram(join(staging, 'usr/lib/planetlab-node'));
    fillSystem(staging);
    fillDocuments(join(staging, 'usr/share'), licences);
    fillControl(staging, full, architecture);
    setTimes(staging, epoch);
    const target = join(resolve(out), `planetlab-node_${full}_${architecture}.deb`);
    mkdirSync(dirname(target), { recursive: true });
    execFileSync('dpkg-deb', ['--root-owner-group', '-Zzstd', '-z10', '--build', staging, target], {
      env: { ...process.env, SOURCE_DATE_EPOCH: String(epoch) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    return target;
  } finally {
    rmSync(staging, { recursive: true });
  }
}

/** Our programs as few files, Node.js, and what cannot be bundled because it is native. Returns licences of others. */
async function fillProgram(target: string): Promise<string> {
  const libraries = await bundleNodeManager(ROOT, target);
  writeFileSync(join(target, 'package.json'), '{ "type": "module" }\n');
  const node = `node-linux-${process.arch}`;
  install(join(ROOT, 'node_modules', node, 'bin/node'), join(target, 'node'), 0o755);
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

function licenceOf(name: string): string {
  const folder = join(ROOT, 'node_modules', name);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((each) => /^licen[cs]e(\.|$)/i.test(each));
  const text = file === undefined ? `Licence: ${manifest.license}\n` : readFileSync(join(folder, file), 'utf8');
  return `==== ${name} ${manifest.version} ====\n\n${text}`;
}

function fillSystem(staging: string): void {
  install(join(SOURCES, 'pl-node'), join(staging, 'usr/bin/pl-node'), 0o755);
  install(join(SOURCES, 'node.json'), join(staging, 'etc/planetlab/node.json'));
  install(join(SOURCES, 'planetlab-node.init'), join(staging, 'etc/init.d/planetlab-node'), 0o755);
  install(join(SOURCES, 'planetlab-node.service'), join(staging, 'usr/lib/systemd/system/planetlab-node.service'));
}

function fillDocuments(share: string, licences: string): void {
  const documents = join(share, 'doc/planetlab-node');
  install(join(SOURCES, 'copyright'), join(documents, 'copyright'));
  install(join(ROOT, 'docs/operating/node.md'), join(documents, 'node.md'));
  write(join(documents, 'third-party-licences.gz'), gzipSync(licences, { level: 9 }));
  write(join(share, 'man/man8/pl-node.8.gz'), gzipSync(readFileSync(join(SOURCES, 'pl-node.8')), { level: 9 }));
}

function fillControl(staging: string, version: string, architecture: string): void {
  const files = filesUnder(staging);
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  const control = readFileSync(join(SOURCES, 'control'), 'utf8')
    .replace('@VERSION@', version)
    .replace('@ARCHITECTURE@', architecture)
    .replace('@INSTALLED_SIZE@', String(Math.ceil(bytes / 1024)));
  const sums = files.map((file) => {
    const sum = createHash('md5').update(readFileSync(file)).digest('hex');
    return `${sum}  ${relative(staging, file)}\n`;
  });
  const debian = join(staging, 'DEBIAN');
  write(join(debian, 'control'), control);
  write(join(debian, 'md5sums'), sums.join(''));
  install(join(SOURCES, 'conffiles'), join(debian, 'conffiles'));
  for (const script of ['postinst', 'prerm', 'postrm']) install(join(SOURCES, script), join(debian, script), 0o755);
}

function install(from: string, to: string, mode = 0o644): void {
  if (!existsSync(from)) throw new Error(`${from} is not there; npm ci installs what is needed`);
  write(to, readFileSync(from), mode);
}

function write(path: string, content: string | Buffer, mode = 0o644): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  chmodSync(path, mode);
}

const filesUnder = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

/** Modes and times as they are in every package, whoever builds it and when. */
function setTimes(staging: string, epoch: number): void {
  for (const name of ['.', ...readdirSync(staging, { recursive: true, encoding: 'utf8' })]) {
    const path = join(staging, name);
    const stat = statSync(path);
    chmodSync(path, stat.isDirectory() || (stat.mode & 0o100) !== 0 ? 0o755 : 0o644);
    lutimesSync(path, epoch, epoch);
  }
}

/** Of the last commit; of the release where there is no repository. */
function sourceEpoch(): number {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined) return Number(given);
  try {
    return Number(
      execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] }),
    );
  } catch {
    return Math.floor(statSync(join(ROOT, 'package.json')).mtimeMs / 1000);
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { out: { type: 'string', default: 'dist' }, revision: { type: 'string' } } });
  const path = await packageNode({ out: values.out, revision: values.revision, epoch: sourceEpoch() });
  const mib = Math.round(statSync(path).size / 2 ** 20);
  process.stdout.write(`${relative(process.cwd(), path)}  ${mib} MiB\n`);
}
