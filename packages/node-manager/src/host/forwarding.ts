import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { type Forwarding, readForwarding, setForwarding } from '@planetlab/linux';
import { readOptional, writeFileAtomic } from '../files.ts';

/**
 * Whether the machine passed packets on before the node manager made it do so: then it is a router by the will of its owner.
 * It stands in a file that is lost at reboot, as is what it describes.
 */
export function forwardedBefore(file: string): Forwarding {
  const text = readOptional(file);
  if (text === undefined) return readForwarding();
  return { ipv4: text.includes('ipv4'), ipv6: text.includes('ipv6') };
}

/** Lets the machine pass on what slivers send and get. IPv6 only where they have it. */
export function passOn(file: string, { ipv6 }: { readonly ipv6: boolean }): void {
  const before = forwardedBefore(file);
  if (readOptional(file) === undefined) {
    mkdirSync(dirname(file), { recursive: true, mode: 0o711 });
    writeFileAtomic(file, [before.ipv4 ? 'ipv4' : '', before.ipv6 ? 'ipv6' : ''].join(' ').trim());
  }
  setForwarding({ ipv4: true, ipv6: ipv6 || readForwarding().ipv6 });
}

/** No effect where the node has never passed anything on. */
export function passOnAsBefore(file: string): void {
  if (readOptional(file) !== undefined) setForwarding(forwardedBefore(file));
}
