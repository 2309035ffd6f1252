import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import type { BenchProgram } from './bench-node.ts';

/** Sends all it can over one connection. */
export interface Sender {
  /** Breaks the connection off. Throws when it was not sending any more by then. */
  end(): Promise<void>;
}

/**
 * Says when it is connected, then sends until its input ends. A process of its own sends: when that is killed, so is the
 * connection, and otherwise the kernel would go on sending what it has.
 */
const PROGRAM = `
use Socket; use IO::Socket::INET;
$| = 1;
my $s = IO::Socket::INET->new("$ARGV[0]:$ARGV[1]") or die "connect: $@";
setsockopt $s, SOL_SOCKET, SO_LINGER, pack("ii", 1, 0);
my $sending = fork // die "fork: $!";
if (!$sending) { my $d = "x" x 65536; 1 while syswrite $s, $d; die "send: $!" }
close $s;
print "connected\\n";
1 while <STDIN>;
kill 'KILL', $sending;
waitpid $sending, 0;
exit($? == 9 ? 0 : 1);
`;

/** Starts it where `start` starts programs: in a sliver, or beside the node's own. Resolves when it is connected. */
export async function startSender(
  start: (argv: readonly string[]) => Promise<BenchProgram>,
  address: string,
  port: number,
): Promise<Sender> {
  const program = await start(['perl', '-e', PROGRAM, address, String(port)]);
  let complaint = '';
  program.stderr.on('data', (chunk) => {
    complaint += String(chunk);
  });
  const failed = program.exit.then(({ code }) =>
    Promise.reject(new Error(`a sender ended with ${code}: ${complaint}`)),
  );
  failed.catch(() => {}); // later it is told to
  await Promise.race([once(program.stdout, 'data'), failed]);
  return {
    async end() {
      program.stdin.end();
      const { code } = await program.exit;
      if (code !== 0) throw new Error(`a sender did not send to the end: ${complaint}`);
    },
  };
}

/** Runs a program on this machine, in the namespaces that `enter` leads to. */
export async function startOnHost(enter: readonly string[], argv: readonly string[]): Promise<BenchProgram> {
  const [program = '', ...args] = [...enter, ...argv];
  const child: ChildProcessByStdio<Writable, Readable, Readable> = spawn(program, args, { stdio: 'pipe' });
  const { stdin, stdout, stderr } = child;
  return { stdin, stdout, stderr, exit: once(child, 'exit').then(([code]) => ({ code })) };
}
