import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

/** Whether this network namespace passes on packets that are not for it, of each family. */
export interface Forwarding {
  readonly ipv4: boolean;
  readonly ipv6: boolean;
}

const SYSCTLS = '/proc/sys/net';
const KEYS = { ipv4: `${SYSCTLS}/ipv4/ip_forward`, ipv6: `${SYSCTLS}/ipv6/conf/all/forwarding` } as const;

/** A host without IPv6 has none of its settings: it passes nothing on. */
export const readForwarding = (): Forwarding => ({ ipv4: isSet(KEYS.ipv4), ipv6: isSet(KEYS.ipv6) });

/** Passes packets on as said, and counts them by flow where the kernel tracks flows. */
export function setForwarding({ ipv4, ipv6 }: Forwarding): void {
  if (ipv6) keepLearntRoutes();
  for (const [path, on] of [[KEYS.ipv4, ipv4] as const, [KEYS.ipv6, ipv6] as const]) {
    if (isSet(path) !== on) writeFileSync(path, on ? '1' : '0');
  }
  const accounting = `${SYSCTLS}/netfilter/nf_conntrack_acct`;
  if (existsSync(accounting)) writeFileSync(accounting, '1');
}

/**
 * A host that begins to pass IPv6 packets on forgets the default routes that routers have told it, and listens to none any
 * more, unless a link is to listen all the same (`accept_ra` 2; ip-sysctl of the kernel).
 */
function keepLearntRoutes(): void {
  const links = `${SYSCTLS}/ipv6/conf`;
  for (const link of existsSync(links) ? readdirSync(links) : []) {
    if (link === 'all' || link === 'default') continue;
    const path = `${links}/${link}/accept_ra`;
    if (readOrEmpty(path) === '1') writeFileSync(path, '2');
  }
}

const isSet = (path: string): boolean => !['', '0'].includes(readOrEmpty(path));

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch {
    return ''; // a link that has just gone, a host without IPv6
  }
}
