/** Both ends of a TCP connection in Perl, the same text on both sides of a ratio; the receiving end counts and takes the time. */

const COMMON = `
use IO::Socket::INET; use Socket; use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
$| = 1; $SIG{PIPE} = 'IGNORE';
my $now = sub { clock_gettime(CLOCK_MONOTONIC) };
sub sends {
  my ($c, $seconds) = @_;
  my ($data, $end) = ('x' x 131072, $now->() + $seconds);
  while ($now->() < $end) { defined syswrite($c, $data) or die "send: $!" }
  shutdown($c, 1);
}
sub receives {
  my ($c) = @_;
  my ($bytes, $start, $data) = (0);
  while (my $n = sysread($c, $data, 131072)) { $start //= $now->(); $bytes += $n }
  return sprintf("%.0f %.6f\\n", $bytes, $now->() - $start);
}
`;

/** At an address and a port: for each connection, sends for the seconds that it is told, or receives and says how much in how long. */
export const SERVER = `${COMMON}
my $l = IO::Socket::INET->new(LocalAddr => $ARGV[0], LocalPort => $ARGV[1], Listen => 5, ReuseAddr => 1) or die "listen: $!";
print "listening\\n";
while (my $c = $l->accept) {
  sysread($c, my $order, 16);
  my ($what, $seconds) = split ' ', $order;
  eval { $what eq 'down' ? sends($c, $seconds) : syswrite($c, receives($c)) };
  warn $@ if $@;
}
`;

/** With an address, a port, `up` or `down`, and seconds: prints the bytes that came to the receiving end, and in how many seconds. */
export const CLIENT = `${COMMON}
alarm 60;
my ($address, $port, $what, $seconds) = @ARGV;
my $c = IO::Socket::INET->new("$address:$port") or die "connect: $@";
syswrite($c, pack('A16', "$what $seconds"));
if ($what eq 'down') { print receives($c) } else { sends($c, $seconds); print scalar <$c> }
`;
