/** A small service and its client, and five bad neighbours. All end by themselves. */

const NODELAY = 'setsockopt($c, Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1);';

/** Dials the client, then answers each 64 bytes with 64 bytes after a small computation. Ends with the connection. */
export const SERVICE = `
use IO::Socket::INET; use Socket;
my $c = IO::Socket::INET->new(PeerAddr => $ARGV[0], PeerPort => $ARGV[1]) or die "connect: $!";
${NODELAY}
while (sysread($c, my $request, 64)) {
  my $x = 1;
  $x = ($x * 1103515245 + $_) & 0x7fffffff for 1 .. 2000;
  syswrite($c, 'a' x 64);
}
`;

/** Says when it listens and when it is connected; then, for each line of seconds, asks at most 200 times a second and prints microseconds. */
export const CLIENT = `
use IO::Socket::INET; use Socket; use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC usleep);
$| = 1; alarm 300;
my $now = sub { clock_gettime(CLOCK_MONOTONIC) };
my $l = IO::Socket::INET->new(LocalAddr => $ARGV[0], LocalPort => $ARGV[1], Listen => 1, ReuseAddr => 1) or die "listen: $!";
print "listening\\n";
my $c = $l->accept or die "accept: $!";
${NODELAY}
print "connected\\n";
while (my $seconds = <STDIN>) {
  my ($end, @times) = ($now->() + $seconds);
  while ((my $start = $now->()) < $end) {
    syswrite($c, 'r' x 64);
    my $got = 0;
    while ($got < 64) { my $n = sysread($c, my $answer, 64) or die "read: $!"; $got += $n }
    push @times, sprintf('%.0f', ($now->() - $start) * 1e6);
    usleep 5000;
  }
  print join(',', @times), "\\n";
}
`;

export const NEIGHBOURS: Readonly<Record<string, string>> = {
  forks: `perl -e 'while (1) { my $p = fork; if (!defined $p) { waitpid -1, 1 } elsif (!$p) { alarm 30; 1 while 1 } }'`,
  memory: `while :; do perl -e 'push @x, "x" x 1048576 while 1'; done`,
  disk: 'while :; do dd if=/dev/zero of=/root/filler bs=1M count=60 conv=fsync; done',
  loops: `for i in 1 2 3; do perl -e 'alarm 30; 1 while 1' & done; perl -e 'alarm 30; 1 while 1'`,
  packets: `perl -e 'use IO::Socket::INET; my $s = IO::Socket::INET->new(Proto => "udp", PeerAddr => "192.0.2.1", PeerPort => 9) or die; while (1) { syswrite($s, "f" x 1200) }'`,
};
