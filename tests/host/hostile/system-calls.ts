/** System calls that no sliver may make, with their numbers by architecture and arguments that would be in order. */
export const CALLS: Readonly<Record<string, { readonly x64: number; readonly arm64: number; readonly args: string }>> =
  {
    add_key: { x64: 248, arm64: 217, args: '$text, $text, $text, 1, -3' },
    request_key: { x64: 249, arm64: 218, args: '$text, $text, 0, -3' },
    keyctl: { x64: 250, arm64: 219, args: '0, -3, 1' },
    bpf: { x64: 321, arm64: 280, args: '0, $zero, 72' },
    perf_event_open: { x64: 298, arm64: 241, args: '$zero, 0, -1, -1, 0' },
    userfaultfd: { x64: 323, arm64: 282, args: '1' },
    kexec_load: { x64: 246, arm64: 104, args: '0, 0, 0, 0' },
    init_module: { x64: 175, arm64: 105, args: '$zero, 10, $text' },
    finit_module: { x64: 313, arm64: 273, args: '0, $text, 0' },
    delete_module: { x64: 176, arm64: 106, args: '$text, 0' },
    open_by_handle_at: { x64: 304, arm64: 265, args: '0, $zero, 0' },
    io_uring_setup: { x64: 425, arm64: 425, args: '4, $zero' },
    syslog: { x64: 103, arm64: 116, args: '3, $zero, 10' },
    swapon: { x64: 167, arm64: 224, args: '$text, 0' },
    quotactl: { x64: 179, arm64: 60, args: '0, $text, 0, $zero' },
    reboot: { x64: 169, arm64: 142, args: '0xfee1dead, 672274793, 0, 0' },
    settimeofday: { x64: 164, arm64: 170, args: '$zero, 0' },
  };

/** A Perl program that makes each of them and says how it ended. */
export function callsFrom(architecture: NodeJS.Architecture): string {
  const key = architecture === 'arm64' ? 'arm64' : 'x64';
  const lines = Object.entries(CALLS).map(
    ([name, call]) =>
      `$! = 0; $r = syscall(${call[key]}, ${call.args}); print "${name} ", ($r >= 0 ? "allowed" : $!{EPERM} ? "EPERM" : "$!"), "\\n";`,
  );
  return `use Errno; my $zero = "\\0" x 256; my $text = "name"; my $r;\n${lines.join('\n')}`;
}
