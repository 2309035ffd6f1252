import type { nodeClient } from '../node-fixture.ts';

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
