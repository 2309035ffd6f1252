import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isErrno, signal } from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';
import type { ExecProcess, ExecSpec, ExitStatus } from '../exec.ts';
import type { ClientProcess } from './client-process.ts';
import { spawnWithConsole } from './console-process.ts';
import { type HostFacts, ociProcess } from './oci-config.ts';
import { spawnWithPipes } from './piped-process.ts';
import { errorsInLog, type RuntimeName } from './runtime-state.ts';
import { spawnWithTerminal } from './terminal-process.ts';

/** One program to run in a machine that is known to run. */
export interface OciExec {
  readonly id: string;
  readonly spec: ExecSpec;
  /** Folder of the machine's configuration; a folder for this program is made in it, and removed at its end. */
  readonly bundle: string;
  readonly runtime: RuntimeName;
  /** Runtime and its global options. */
  readonly command: readonly [program: string, ...options: string[]];
  readonly host: HostFacts;
  /** The client is started in it, and the program inherits what it does to what is started. */
  readonly starting: <T>(start: () => T) => T;
}

/** Runs a program through `RUNTIME exec`. */
export async function execInMachine(exec: OciExec): Promise<ExecProcess> {
  const { spec, command } = exec;
  if (spec.argv.length === 0) throw new PlanetLabError('malformed_request', 'A program needs at least its name.');
  const folder = mkdtempSync(join(exec.bundle, 'exec-'));
  const files = { process: join(folder, 'process.json'), pid: join(folder, 'pid'), log: join(folder, 'log') };
  writeFileSync(files.process, JSON.stringify(ociProcess(spec, exec.host)), { mode: 0o600 });
  const [program, ...options] = command;
  const args = (...more: readonly string[]) => [
    ...[...options, '--log', files.log, '--log-format', 'json', 'exec'],
    ...['--process', files.process, '--pid-file', files.pid, ...more, exec.id],
  ];
  const start = () => {
    if (spec.terminal === undefined) return spawnWithPipes(program, args(), ownerInMachine(exec.bundle), exec.starting);
    if (exec.runtime === 'runc') return spawnWithTerminal(program, args(), spec.terminal);
    return spawnWithConsole(program, (socket) => args('--tty', '--console-socket', socket), spec.terminal, {
      folder,
      starting: exec.starting,
    });
  };
  try {
    const client = await start();
    return follow(client, files, () => rmSync(folder, { recursive: true, force: true }));
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function follow(client: ClientProcess, files: { pid: string; log: string }, clean: () => void): ExecProcess {
  let [exited, ended, killed] = [false, false, false];
  void client.exited.then(() => {
    exited = true;
    if (killed) client.closeOutput();
  });
  const exit = client.ended.then((code): ExitStatus => {
    ended = true;
    const failure = errorsInLog(files.log);
    clean();
    if (killed) return { code: SIGKILL_CODE, signal: 'SIGKILL' };
    return { code: failure === undefined ? code : codeOfFailure(failure) };
  });
  const kill = () => {
    if (ended) return;
    if (exited) return client.closeOutput(); // what it has left behind holds that open, and its pid is not its own any more
    killed = true;
    const pid = recordedPid(files.pid);
    // The client writes the pid before the program starts; a kill that is faster than that is tried again.
    if (pid === undefined) setTimeout(kill, KILL_RETRY_MS).unref();
    else signal(pid, 'SIGKILL');
  };
  const { stdin, stdout, stderr } = client;
  return { stdin, stdout, stderr, exit, kill, resize: (size) => (ended ? undefined : client.resize(size)) };
}

const SIGKILL_CODE = 137;
const KILL_RETRY_MS = 5;

/** The pid that the client wrote down, if it has by now. It is the program's own for as long as the client waits for it. */
function recordedPid(pidFile: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile, 'utf8'));
    return Number.isInteger(pid) && pid > 1 ? pid : undefined;
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined;
    throw error;
  }
}

const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;
/** The runtime itself failed, as other tools for containers say it. */
const RUNTIME_FAILED = 125;

/** The exit code for a program that the runtime could not start, as a shell would give it. */
export function codeOfFailure(words: string): number {
  if (/not found|no such file/i.test(words)) return NOT_FOUND;
  if (/permission denied|exec format error|is a directory/i.test(words)) return NOT_EXECUTABLE;
  return RUNTIME_FAILED;
}

/** Host id of root inside the machine, from the configuration that it was made with. */
function ownerInMachine(bundle: string): number {
  const config: { linux: { uidMappings: readonly { hostID: number }[] } } = JSON.parse(
    readFileSync(join(bundle, 'config.json'), 'utf8'),
  );
  return config.linux.uidMappings[0]?.hostID ?? 0;
}
