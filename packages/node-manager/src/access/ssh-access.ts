import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { connect } from 'node:net';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import {
  type CgroupBounds,
  type CommandRunner,
  confineToCgroup,
  isAlive,
  processStartTime,
  signal,
  unmountUnder,
  waitForEnd,
} from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';
import { z } from 'zod';
import type { HostPort } from '../config.ts';
import { readOptional, writeFileAtomic } from '../files.ts';
import type { Logger } from '../logger.ts';
import { type Accounts, renderAccountFiles, renderKeys, renderLoginShell, renderSshdConfig } from './render.ts';

export interface SshAccessOptions {
  readonly listen: HostPort;
  /** Kept over reboots: the host key, by which people know the node again. */
  readonly stateFolder: string;
  /** Below /run, so that every folder above belongs to root, as sshd wants it for keys. */
  readonly runFolder: string;
  /** What sshd and all logins run in, so that what they cost the node is bounded whoever logs in how often. */
  readonly cgroup: string;
  readonly runtime: readonly [string, ...string[]];
  readonly nodeName: string;
  readonly runner: CommandRunner;
  readonly logger: Logger;
}

/** Logging in to slivers with SSH: an sshd of the node's own, which outlives the manager. */
export interface SshAccess {
  /** Makes accounts and keys be as `accounts` (JSON of `Accounts`) says, and sshd run. */
  set(accounts: string): Promise<void>;
  /** What was set last if all of it still holds, else null. */
  current(): string | null;
}

const ACCOUNTS_SCHEMA: z.ZodType<Accounts> = z.record(z.string(), z.array(z.string()));

export function createSshAccess(options: SshAccessOptions): SshAccess {
  let applied: string | null = null;
  const { runFolder } = options;
  emptyCopies(runFolder);
  return {
    async set(accounts) {
      const parsed = ACCOUNTS_SCHEMA.parse(JSON.parse(accounts));
      applied = null;
      for (const folder of ['/run/sshd', runFolder, join(runFolder, 'keys'), slotsIn(runFolder)])
        mkdirSync(folder, { recursive: true, mode: 0o755 });
      writeAccounts(options, parsed);
      await ensureSshd(options);
      applied = accounts;
    },
    current: () => (runningSshd(runFolder) === undefined ? null : applied),
  };
}

const copiesIn = (runFolder: string): string => join(runFolder, 'copies');
const slotsIn = (runFolder: string): string => join(runFolder, 'slots');

/** What logins that were killed have left; see `LoginShellInput`. */
function emptyCopies(runFolder: string): void {
  const folder = copiesIn(runFolder);
  unmountUnder(folder);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(runFolder, { recursive: true, mode: 0o755 });
  mkdirSync(folder, { mode: 0o700 });
}

function writeAccounts({ runFolder, stateFolder }: SshAccessOptions, accounts: Accounts): void {
  const slices = Object.keys(accounts).sort();
  const keys = join(runFolder, 'keys');
  // keys first: an account without keys lets nobody in, keys without an account neither
  for (const name of readdirSync(keys)) if (!Object.hasOwn(accounts, name)) rmSync(join(keys, name));
  const slots = slotsIn(runFolder);
  for (const name of readdirSync(slots))
    if (!Object.hasOwn(accounts, name.replace(/\.\d+$/, ''))) rmSync(join(slots, name));
  for (const slice of slices) {
    const content = renderKeys(accounts[slice] ?? []);
    const path = join(keys, slice);
    if (readOptional(path) !== content) writeFileAtomic(path, content);
  }
  const hostPasswd = readOptional('/etc/passwd') ?? '';
  const files = renderAccountFiles(slices, hostPasswd, join(stateFolder, 'login-shell'));
  rewriteInPlace(join(runFolder, 'passwd'), files.passwd);
  rewriteInPlace(join(runFolder, 'group'), files.group);
}

/** The same inode: sshd sees these files through a bind mount, which a new file would not reach. */
function rewriteInPlace(path: string, content: string): void {
  if (readOptional(path) === content) return;
  const fd = openSync(path, existsSync(path) ? 'r+' : 'w', 0o644);
  try {
    writeSync(fd, content, 0);
    ftruncateSync(fd, Buffer.byteLength(content));
  } finally {
    closeSync(fd);
  }
}

const SshdRecord = z.object({ pid: z.number(), startTime: z.number(), digest: z.string() });

/** The sshd that this node started, if it still runs. */
function runningSshd(runFolder: string): z.infer<typeof SshdRecord> | undefined {
  const text = readOptional(join(runFolder, 'sshd.json'));
  if (text === undefined) return undefined;
  const record = SshdRecord.safeParse(JSON.parse(text));
  return record.success && isAlive(record.data.pid, record.data.startTime) ? record.data : undefined;
}

/** As many as programs through the API. */
const LOGINS_PER_SLIVER = 32;

/** Of the machine’s memory, for sshd and all logins, whose processes are charged to no sliver. */
const MEMORY_PART = 1 / 16;
const LEAST_MEMORY_BYTES = 256 * 1024 * 1024;
const MOST_PROCESSES = 4096;
const bounds = (): CgroupBounds => ({
  memoryBytes: Math.max(LEAST_MEMORY_BYTES, Math.floor(totalmem() * MEMORY_PART)),
  processes: MOST_PROCESSES,
});

async function ensureSshd(options: SshAccessOptions): Promise<void> {
  const { runFolder, stateFolder } = options;
  mkdirSync(stateFolder, { recursive: true, mode: 0o700 });
  const hostKey = join(stateFolder, 'host_ed25519');
  if (!existsSync(hostKey)) {
    await options.runner.run({
      argv: ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', options.nodeName, '-f', hostKey],
    });
  }
  writeFileAtomic(
    join(stateFolder, 'login-shell'),
    renderLoginShell({ ...options, copies: copiesIn(runFolder), slots: slotsIn(runFolder), most: LOGINS_PER_SLIVER }),
    0o700,
  );
  const keysFolder = join(runFolder, 'keys');
  const config = renderSshdConfig({
    listen: options.listen,
    hostKey,
    keysFolder,
    pidFile: join(runFolder, 'sshd.pid'),
  });
  const digest = createHash('sha256').update(config).digest('hex');
  const running = runningSshd(runFolder);
  if (running?.digest === digest) return confineToCgroup(options.cgroup, running.pid, bounds());
  await stopSshd(runFolder);
  const configPath = join(stateFolder, 'sshd_config');
  writeFileAtomic(configPath, config);
  await startSshd(options, configPath, digest);
}

/**
 * sshd in a mount namespace of its own, in which the host's accounts are replaced. It keeps its pid through unshare and
 * the shell, which waits for a line: a manager that ends before it has written down what it started says none, and
 * leaves nothing. Mounts of slivers that are copied into its namespace go when their folders are removed (the kernel
 * detaches a mount whose folder is deleted, in every namespace).
 */
const START = `set -e
read -r _
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
exec "$2" -D -f "$3" </dev/null`;

async function startSshd(
  { runFolder, cgroup, listen, logger }: SshAccessOptions,
  configPath: string,
  digest: string,
): Promise<void> {
  const errors = join(runFolder, 'sshd.err');
  const stderr = openSync(errors, 'w', 0o600);
  const argv = [
    '--mount',
    '--propagation',
    'private',
    '/bin/sh',
    '-c',
    START,
    'sh',
    runFolder,
    '/usr/sbin/sshd',
    configPath,
  ];
  const child = spawn('unshare', argv, { detached: true, stdio: ['pipe', 'ignore', stderr], cwd: '/' });
  closeSync(stderr);
  child.stdin?.on('error', () => {}); // it has ended, which is seen below
  await once(child, 'spawn');
  const { pid } = child;
  const startTime = pid === undefined ? undefined : processStartTime(pid);
  try {
    if (pid === undefined || startTime === undefined) throw sshdFailed(errors);
    writeFileAtomic(join(runFolder, 'sshd.json'), JSON.stringify({ pid, startTime, digest }));
    confineToCgroup(cgroup, pid, bounds());
    child.stdin?.write('\n');
  } finally {
    child.stdin?.end();
  }
  child.unref();
  await untilListening(listen, () => child.exitCode === null && child.signalCode === null, errors);
  logger.info({ pid, port: listen.port }, 'sshd started');
}

const START_DEADLINE_MS = 5_000;
const POLL_MS = 20;

async function untilListening(listen: HostPort, alive: () => boolean, errors: string): Promise<void> {
  const deadline = performance.now() + START_DEADLINE_MS;
  const host = listen.host === '0.0.0.0' ? '127.0.0.1' : listen.host === '::' ? '::1' : listen.host;
  while (performance.now() < deadline) {
    if (!alive()) throw sshdFailed(errors);
    if (await accepts({ host, port: listen.port })) return;
    await delay(POLL_MS);
  }
  throw sshdFailed(errors);
}

const accepts = (endpoint: HostPort) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(endpoint, () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });

const sshdFailed = (errors: string) =>
  new PlanetLabError(
    'step_failed',
    `sshd did not start: ${(readOptional(errors) ?? '').trim().slice(-500) || 'it gave no reason'}.`,
  );

const STOP_PATIENCE_MS = 3_000;

/** Ends this node's sshd and every login through it. No effect when none runs. */
export async function stopSshd(runFolder: string): Promise<void> {
  const running = runningSshd(runFolder);
  if (running !== undefined) {
    for (const session of sessionsOf(running.pid)) signal(session, 'SIGTERM');
    signal(running.pid, 'SIGTERM');
    if (!(await waitForEnd(running.pid, running.startTime, STOP_PATIENCE_MS))) signal(running.pid, 'SIGKILL');
  }
  rmSync(join(runFolder, 'sshd.json'), { force: true });
}

/** Connections that sshd serves: its children. */
function sessionsOf(pid: number): readonly number[] {
  try {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').filter(Boolean).map(Number);
  } catch {
    return []; // it has ended, or the kernel does not tell
  }
}
