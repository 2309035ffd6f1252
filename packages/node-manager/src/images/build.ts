import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { NodeImage } from '@planetlab/contract';
import { ImageName, PlanetLabError, parseName } from '@planetlab/model';
import { addImage, IMPORTED, withImageLock } from './add-image.ts';
import { createImageStore } from './image-store.ts';

export interface BuildOptions {
  readonly folder: string;
  /** The name it gets. Throws `malformed_name`. */
  readonly name: string;
  /** Builds nothing where the image is there and was made as it would be now, or a person has imported it. */
  readonly ifChanged?: boolean;
  readonly now: () => number;
  /** Told what is going on, a line at a time. */
  readonly progress: (line: string) => void;
}

/**
 * What a sliver has besides the smallest Debian: what people reach for first, what files come in and out by, and what
 * shows a network to whoever studies it.
 */
const PACKAGES =
  'iproute2,iputils-ping,procps,ca-certificates,curl,less,nano,openssh-sftp-server,rsync,tcpdump,traceroute';
/**
 * What can be built, on every host alike: a slice finds the same system on all its nodes. Mirror and keys are Debian's
 * own, which every supported distribution can reach and check.
 */
const SUITES: ReadonlyMap<string, string> = new Map([
  ['debian-12', 'bookworm'],
  ['debian-13', 'trixie'],
]);

/** Builds a Debian image with mmdebstrap. One builder at a time. Throws `unknown_image`. */
export async function buildImage(options: BuildOptions): Promise<readonly NodeImage[]> {
  const { folder, now, progress } = options;
  const name = parseName(ImageName, options.name);
  const suite = suiteOf(name);
  const source = recipeOf(suite);
  return withImageLock(folder, async () => {
    const store = createImageStore(folder);
    const stays = options.ifChanged === true && [source, IMPORTED].includes(store.sourceOf(name) ?? '');
    const there = stays ? store.get(name) : undefined;
    if (there !== undefined) return [there];
    progress(`building ${name} from ${suite} with mmdebstrap; this takes about half a minute`);
    return addImage({
      ...{ folder, names: [name], source, now },
      make: (root) => makeTree(suite, root, progress),
    });
  });
}

/** What an image of a release is made from: where it differs, the image is another one. */
export const recipeOf = (suite: string): string => `mmdebstrap ${suite} ${PACKAGES}`;

/** Debian's name for the release that an image is made of. */
export function suiteOf(name: ImageName): string {
  const suite = SUITES.get(name);
  if (suite !== undefined) return suite;
  throw new PlanetLabError(
    'unknown_image',
    `Only ${[...SUITES.keys()].join(' and ')} are built here. Import anything else from an OCI archive: image import ${name} FILE.`,
  );
}

async function makeTree(suite: string, root: string, progress: (line: string) => void): Promise<void> {
  await runWithProgress(['mmdebstrap', ...mmdebstrapArguments(suite, root)], progress);
  finishTree(root);
}

export const mmdebstrapArguments = (suite: string, root: string): readonly string[] => [
  '--variant=minbase',
  `--include=${PACKAGES}`,
  '--dpkgopt=path-exclude=/usr/share/doc/*',
  '--dpkgopt=path-include=/usr/share/doc/*/copyright',
  '--dpkgopt=path-exclude=/usr/share/man/*',
  '--dpkgopt=path-exclude=/usr/share/info/*',
  '--dpkgopt=path-exclude=/usr/share/locale/*',
  '--aptopt=APT::Install-Recommends "false"',
  suite,
  root,
];

const PROMPT = `# who and where, in the order of a sliver's name: slice@node
PS1='\${PLANETLAB_SLICE:-\\u}@\\h:\\w\\$ '
`;
const MOTD = 'A sliver of PlanetLab. You are root here; the network is shared: be a good guest.\n';

/** Removes what is of this machine or of no use, adds what tells people where they are. */
function finishTree(root: string): void {
  const at = (path: string) => join(root, path);
  for (const path of ['etc/machine-id', 'etc/resolv.conf', 'etc/hostname', 'var/lib/dbus/machine-id'])
    rmSync(at(path), { force: true });
  for (const path of ['var/cache/apt/archives', 'var/log/apt', 'var/log/dpkg.log', 'var/log/bootstrap.log']) {
    rmSync(at(path), { recursive: true, force: true });
  }
  mkdirSync(at('var/cache/apt/archives/partial'), { recursive: true });
  mkdirSync(at('.planetlab'), { recursive: true });
  writeFileSync(at('.planetlab/init'), '');
  writeFileSync(at('etc/machine-id'), '');
  writeFileSync(at('etc/resolv.conf'), '');
  writeFileSync(at('etc/motd'), MOTD);
  writeFileSync(at('etc/hosts'), '127.0.0.1 localhost\n::1 localhost ip6-localhost\n');
  mkdirSync(at('etc/profile.d'), { recursive: true });
  writeFileSync(at('etc/profile.d/planetlab.sh'), `${PROMPT}[ -t 1 ] && cat /etc/motd\n`);
  writeFileSync(at('root/.bashrc'), `${PROMPT}alias ls='ls --color=auto'\n`);
  writeFileSync(at('root/.profile'), '[ -n "$BASH" ] && [ -f ~/.bashrc ] && . ~/.bashrc\n');
}

/** Runs a program whose last words are worth having when it fails; passes its words on as they come. */
async function runWithProgress(argv: readonly [string, ...string[]], progress: (line: string) => void): Promise<void> {
  const [program, ...args] = argv;
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const last: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    last.push(line);
    if (last.length > 5) last.shift();
    if (line.startsWith('I: ')) progress(line.slice(3));
  });
  const [code] = await once(child, 'close').catch((cause: unknown) => {
    throw new PlanetLabError(
      'feature_missing',
      `${program} is not installed. Install it with the distribution's package manager.`,
      { cause },
    );
  });
  if (code !== 0) throw new PlanetLabError('step_failed', `${program} ended with ${code}: ${last.join(' ')}`);
}
