import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { HOST_IPV4, type nodeClient } from '../node-fixture.ts';

/** A request-response service in a sliver: each line that it is sent it answers over TCP inside, and says so. */
export interface Service extends AsyncDisposable {
  /** One request: through the sliver's own network stack, and back. */
  readonly ask: () => Promise<void>;
}

/** Server and client in one program: a line on standard input is one request over a socket. */
const PROGRAM = `
use IO::Socket::INET; $| = 1;
my $server = IO::Socket::INET->new(Listen => 5, LocalAddr => '127.0.0.1', LocalPort => 8080, ReuseAddr => 1) or die;
if (!fork) { while (my $c = $server->accept) { my $line = <$c>; print $c "answer $line"; close $c } exit }
while (my $line = <STDIN>) {
  my $s = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => 8080, Timeout => 20);
  if (!$s) { print "no connection\\n"; next }
  print $s $line; print scalar <$s>; close $s;
}
`;

export async function startService(caller: ReturnType<typeof nodeClient>, slice: string): Promise<Service> {
  const running = await caller.open(slice, { argv: ['perl', '-e', PROGRAM] });
  void running.exit.catch(() => {}); // it is ended at the end
  running.stderr.resume();
  const waiting: ((line: string) => void)[] = [];
  let rest = '';
  running.stdout.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) waiting.shift()?.(line);
  });
  let count = 0;
  return {
    async ask() {
      const question = `question ${++count}`;
      const answer = new Promise<string>((resolve) => waiting.push(resolve));
      running.stdin.write(`${question}\n`);
      const said = await answer;
      if (said !== `answer ${question}`) throw new Error(`the service of ${slice} answered: ${said}`);
    },
    async [Symbol.asyncDispose]() {
      running.stdin.end();
    },
  };
}

/** Bytes that a sliver sends into the world all the time, over one connection: through its link, NAT and shaping. */
export interface ByteStream extends AsyncDisposable {
  /** Counts from now on; the function says how many kbit/s have come out since. */
  readonly rate: () => () => number;
}

/** Keeps little on the way, so that what else the sliver sends need not wait long behind it. */
const SENDER = `
use Socket; socket(S, PF_INET, SOCK_STREAM, 0); setsockopt(S, SOL_SOCKET, SO_SNDBUF, 32768);
connect(S, sockaddr_in(shift, inet_aton(shift))) or die "no connection: $!";
my $bytes = "x" x 8192; 1 while syswrite(S, $bytes);
`;

/** After so many a connection has found its rate. */
const BEGUN_BYTES = 512 * 1024;

export async function startStream(caller: ReturnType<typeof nodeClient>, slice: string): Promise<ByteStream> {
  let received = 0;
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket.on('error', () => {}));
    socket.on('data', ({ length }) => {
      received += length;
    });
  }).listen(0, HOST_IPV4);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const begun = once(server, 'connection');
  const running = await caller.open(slice, { argv: ['perl', '-e', SENDER, String(port), HOST_IPV4] });
  void running.exit.catch(() => {}); // it is ended at the end
  running.stdout.resume();
  running.stderr.resume();
  await begun;
  while (received < BEGUN_BYTES) await delay(20);
  return {
    rate() {
      const [bytes, sinceMs] = [received, performance.now()];
      return () => ((received - bytes) * 8) / (performance.now() - sinceMs); // bits for each millisecond
    },
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.close();
    },
  };
}
