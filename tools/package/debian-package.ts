import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
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

export const ROOT = resolve(import.meta.dirname, '../..');
const DEBIAN_ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' };

export interface PackageOptions {
  /** Folder for the package. */
  readonly out: string;
  /** Debian revision, after the version; none by default. */
  readonly revision: string | undefined;
  /** Seconds since 1970 that every file gets. */
  readonly epoch: number;
}

/** What is special to one package. */
export interface PackageContents {
  readonly name: string;
  /** Folder with `control`, `conffiles`, `copyright` and the maintainer scripts. */
  readonly sources: string;
  /** Puts everything but copyright and control files under the given root. Returns the licences of others' work in it. */
  fill(staging: string, version: string): Promise<string>;
}

/** Builds a Debian package for this machine's architecture; its path. The same sources give the same bytes. */
export async function buildPackage(contents: PackageContents, options: PackageOptions): Promise<string> {
  const { out, revision, epoch } = options;
  const architecture = DEBIAN_ARCHITECTURES[process.arch];
  if (architecture === undefined) throw new Error(`there is no package for ${process.arch}`);
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const full = revision === undefined ? version : `${version}-${revision}`;
  const staging = mkdtempSync(join(tmpdir(), 'planetlab-package-'));
  try {
    chmodSync(staging, 0o755);
    const licences = await contents.fill(staging, version);
    const documents = join(staging, 'usr/share/doc', contents.name);
    install(join(contents.sources, 'copyright'), join(documents, 'copyright'));
    write(join(documents, 'third-party-licences.gz'), gzipSync(licences, { level: 9 }));
    fillControl(staging, contents.sources, full, architecture);
    setTimes(staging, epoch);
    const target = join(resolve(out), `${contents.name}_${full}_${architecture}.deb`);
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

/** The package as a command: `[--out dist] [--revision N]`. */
export async function buildFromCommandLine(contents: PackageContents): Promise<void> {
  const { values } = parseArgs({ options: { out: { type: 'string', default: 'dist' }, revision: { type: 'string' } } });
  const path = await buildPackage(contents, { out: values.out, revision: values.revision, epoch: sourceEpoch() });
  const mib = Math.round(statSync(path).size / 2 ** 20);
  process.stdout.write(`${relative(process.cwd(), path)}  ${mib} MiB\n`);
}

/** Node.js itself; the name of the npm package that it comes from. */
export function installNode(target: string): string {
  const name = `node-linux-${process.arch}`;
  install(join(ROOT, 'node_modules', name, 'bin/node'), join(target, 'node'), 0o755);
  return name;
}

/** A program that runs as a service: what it has in every package of ours, under the package's name. */
export interface Service {
  /** In `/usr/bin`; the manual's name as well. */
  readonly program: string;
  /** In `/etc/planetlab`. */
  readonly settings: string;
  /** In the repository's `docs/operating`. */
  readonly guide: string;
}

export function installService({ name, sources }: PackageContents, staging: string, service: Service): void {
  const { program, settings, guide } = service;
  install(join(sources, program), join(staging, 'usr/bin', program), 0o755);
  install(join(sources, settings), join(staging, 'etc/planetlab', settings));
  install(join(sources, `${name}.init`), join(staging, 'etc/init.d', name), 0o755);
  install(join(sources, `${name}.service`), join(staging, `usr/lib/systemd/system/${name}.service`));
  install(join(ROOT, 'docs/operating', guide), join(staging, 'usr/share/doc', name, guide));
  const manual = gzipSync(readFileSync(join(sources, `${program}.8`)), { level: 9 });
  write(join(staging, `usr/share/man/man8/${program}.8.gz`), manual);
}

/** The licence of an npm package that is in ours. */
export function licenceOf(name: string): string {
  const folder = join(ROOT, 'node_modules', name);
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const file = readdirSync(folder).find((each) => /^licen[cs]e(\.|$)/i.test(each));
  const text = file === undefined ? `Licence: ${manifest.license}\n` : readFileSync(join(folder, file), 'utf8');
  return `==== ${name} ${manifest.version} ====\n\n${text}`;
}

function fillControl(staging: string, sources: string, version: string, architecture: string): void {
  const files = filesUnder(staging);
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  const control = readFileSync(join(sources, 'control'), 'utf8')
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
  install(join(sources, 'conffiles'), join(debian, 'conffiles'));
  for (const script of ['postinst', 'prerm', 'postrm']) install(join(sources, script), join(debian, script), 0o755);
}

export function install(from: string, to: string, mode = 0o644): void {
  if (!existsSync(from)) throw new Error(`${from} is not there; npm ci installs what is needed`);
  write(to, readFileSync(from), mode);
}

export function write(path: string, content: string | Buffer, mode = 0o644): void {
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
