/** Perl programs that read and write raw packets from inside a sliver, where neither compiler nor tcpdump is needed. */

/** Prints each pair `SOURCE > DESTINATION` of IPv4 and IPv6 packets that a packet socket shows; argument: seconds. */
export const SNIFF = `
use Socket qw(inet_ntop AF_INET AF_INET6); $| = 1;
socket(S, 17, 3, unpack("n", pack("S", 3))) or die "no packet socket: $!"; # AF_PACKET, SOCK_RAW, ETH_P_ALL
my $end = time + shift; my %seen; $SIG{ALRM} = sub { exit }; alarm 1 + $end - time;
while (time < $end && defined recv(S, my $frame, 2000, 0)) {
  my $kind = unpack("n", substr($frame, 12, 2));
  my @pair = $kind == 0x800 ? map({ inet_ntop(AF_INET, substr($frame, $_, 4)) } 26, 30)
    : $kind == 0x86dd ? map({ inet_ntop(AF_INET6, substr($frame, $_, 16)) } 22, 38) : next;
  print "$pair[0] > $pair[1]\\n" unless $seen{"@pair"}++;
}
`;

/** Prints `ready`, then each kind of frame that a packet socket shows, once, such as `in arp`, `out icmpv6 134`, `out udp 67`; to the end that others make of it. */
export const FRAMES = `
$| = 1; my %seen; alarm 60;
socket(S, 17, 3, unpack("n", pack("S", 3))) or die "no packet socket: $!";
print "ready\\n";
while (defined(my $from = recv(S, my $frame, 2000, 0))) {
  my ($way, $kind) = (unpack("x10 C", $from) == 4 ? "out" : "in", unpack("n", substr($frame, 12, 2))); # PACKET_OUTGOING
  my ($ip4, $ip6) = map { $kind == $_->[0] ? ord(substr($frame, $_->[1], 1)) : 0 } [0x800, 23], [0x86dd, 20];
  my $what = $kind == 0x806 ? "arp" : $ip4 == 1 ? "icmp " . ord(substr($frame, 34, 1)) : $ip4 == 17 ? "udp " . unpack("n", substr($frame, 34, 2))
    : $ip6 == 58 ? "icmpv6 " . ord(substr($frame, 54, 1)) : next;
  print "$way $what\\n" unless $seen{"$way $what"}++;
}
`;

/**
 * Sends forged frames on eth0. Arguments: \`udp FROM TO PORT\`, \`arp ADDRESS\`, \`na ADDRESS\`, \`ra FROM\`,
 * \`dhcp FROM\`, \`ns-flood TO\`, \`fragments FROM TO PORT\`.
 */
export const FORGE = `
use Socket qw(inet_pton inet_aton AF_INET AF_INET6);
my ($what, @a) = @ARGV;
socket(S, 17, 3, 0) or die "no packet socket: $!";
open N, "<", "/sys/class/net/eth0/ifindex" or die; my $index = <N> + 0;
my ($me, $router, $all) = map { pack("H*", $_) } "020000000002", "020000000001", "ffffffffffff";
sub frame { my ($to, $kind, $payload) = @_;
  send(S, $to . $me . pack("n", $kind) . $payload, 0, pack("SnlSCC", 17, $kind, $index, 1, 0, 6) . $to . "\\0\\0") }
sub checksum { my $sum = 0; $sum += $_ for unpack("n*", $_[0] . (length($_[0]) % 2 ? "\\0" : ""));
  $sum = ($sum & 0xffff) + ($sum >> 16) while $sum >> 16; 0xffff & ~$sum }
sub ip4 { my ($from, $to, $protocol, $offset, $payload) = @_;
  my @h = (0x45, 0, 20 + length $payload, 7, $offset, 64, $protocol, 0, inet_aton($from), inet_aton($to));
  $h[7] = checksum(pack("CCnnnCCna4a4", @h)); pack("CCnnnCCna4a4", @h) . $payload }
sub icmp6 { my ($from, $to, $body) = @_;
  substr($body, 2, 2) = pack("n", checksum($from . $to . pack("NN", length $body, 58) . $body));
  pack("NnCC", 0x60000000, length $body, 58, 255) . $from . $to . $body }
my $nodes = inet_pton(AF_INET6, "ff02::1");
if ($what eq "udp") {
  frame($router, 0x800, ip4($a[0], $a[1], 17, 0, pack("nnnn", 4000, $a[2], 14, 0) . "forged"));
} elsif ($what eq "arp") {
  my $ip = inet_aton($a[0]);
  frame($all, 0x806, pack("nnCCn", 1, 0x800, 6, 4, $_) . $me . $ip . ($_ == 1 ? "\\0" x 6 : $all) . $ip) for 1, 2;
} elsif ($what eq "na") {
  my $ip = inet_pton(AF_INET6, $a[0]);
  frame($_, 0x86dd, icmp6($ip, $nodes, pack("CCnN", 136, 0, 0, 0xa0000000) . $ip . pack("CC", 2, 1) . $me)) for $router, pack("H*", "333300000001");
} elsif ($what eq "ra") {
  my $prefix = pack("CCCCNNN", 3, 4, 64, 0xc0, 86400, 86400, 0) . inet_pton(AF_INET6, "2001:db8:bad::");
  frame($_, 0x86dd, icmp6(inet_pton(AF_INET6, $a[0]), $nodes, pack("CCnCCnNN", 134, 0, 0, 64, 0, 1800, 0, 0) . $prefix)) for $router, pack("H*", "333300000001");
} elsif ($what eq "dhcp") {
  frame($all, 0x800, ip4($a[0], "255.255.255.255", 17, 0, pack("nnnn", 67, 68, 308, 0) . pack("CCCC", 2, 1, 6, 0) . "\\0" x 296));
} elsif ($what eq "ns-flood") {
  my $to = inet_pton(AF_INET6, $a[0]);
  for my $n (1 .. 3000) {
    my $from = inet_pton(AF_INET6, sprintf("fe80::bad:%x", $n));
    frame($router, 0x86dd, icmp6($from, $to, pack("CCnN", 135, 0, 0, 0) . $to . pack("CC", 1, 1) . $me));
  }
} elsif ($what eq "fragments") {
  my $tcp = pack("nnNNCCnnn", 4001, $a[2], 1, 0, 0x50, 2, 1000, 0, 0);
  frame($router, 0x800, ip4($a[0], $a[1], 6, 0x2000, substr($tcp, 0, 8)));
  frame($router, 0x800, ip4($a[0], $a[1], 6, 1, substr($tcp, 8)));
}
`;
