/** Arguments that measure the way to another sliver: three packets, no names, an end after four seconds by all means. */
export const pingArguments = (address: string): readonly string[] => [
  ...['ping', '-n', '-c', '3', '-i', '0.2', '-w', '4'],
  address,
];

/** The shortest of the measured round-trip times in milliseconds: the path's own, without what else the machine did. Null when nothing came back. */
export function parsePing(output: string): number | null {
  const match = /^(?:rtt|round-trip) [a-z/]+ = ([\d.]+)\//m.exec(output);
  return match === null ? null : Number(match[1]);
}
