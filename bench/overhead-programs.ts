/** Programs in Perl, which the image and every supported distribution have: the same text on both sides of a ratio. */

/** A fixed computation on integers, floats, strings and a hash; prints the CPU seconds it took, and those that passed. */
export const COMPUTATION = `
use Time::HiRes qw(clock_gettime CLOCK_PROCESS_CPUTIME_ID CLOCK_MONOTONIC);
my ($cpu, $wall) = (clock_gettime(CLOCK_PROCESS_CPUTIME_ID), clock_gettime(CLOCK_MONOTONIC));
my ($x, $y, %seen) = (1, 0.5);
for my $i (1 .. 1_500_000) {
  $x = ($x * 1103515245 + 12345) & 0x7fffffff;
  $y = sqrt($y + $x % 7);
  $seen{$x & 4095} .= 'x' if $i % 16 == 0;
}
printf "%.6f %.6f\\n", clock_gettime(CLOCK_PROCESS_CPUTIME_ID) - $cpu, clock_gettime(CLOCK_MONOTONIC) - $wall;
`;

/**
 * In the new folder given: writes 128 MiB one after another and syncs, then creates 1,000 files of 1 KiB, without a sync,
 * which would wait for everybody's files; prints the seconds of each. The files stay: where they were deleted after each
 * round, creating them again took the host ever longer.
 */
export const DISK_WORK = `
use Time::HiRes qw(clock_gettime CLOCK_MONOTONIC);
use IO::Handle;
my $folder = shift;
mkdir $folder or die "mkdir: $!";
my $start = clock_gettime(CLOCK_MONOTONIC);
open(my $big, '>', "$folder/big") or die "open: $!";
my $block = 'p' x 1048576;
for (1 .. 128) { syswrite($big, $block) == 1048576 or die "write: $!" }
$big->sync or die "sync: $!";
close $big;
my $written = clock_gettime(CLOCK_MONOTONIC);
my $small = 'q' x 1024;
for my $i (1 .. 1000) {
  open(my $file, '>', "$folder/$i") or die "open: $!";
  syswrite($file, $small) == 1024 or die "write: $!";
  close $file;
}
printf "%.6f %.6f\\n", $written - $start, clock_gettime(CLOCK_MONOTONIC) - $written;
unlink "$folder/big";
`;
