import { existsSync, readFileSync, writeFileSync } from 'node:fs';

/** About 400 MiB were all of them used. */
const NEIGHBOUR_ENTRIES = 1_048_576;

/** Sizes that the kernel gives to one user's programs or one small network, not to a thousand machines. */
const LEAST: Readonly<Record<string, number>> = {
  // of all network namespaces together: who fills them makes the host lose its own gateway
  'net/ipv4/neigh/default/gc_thresh3': NEIGHBOUR_ENTRIES,
  'net/ipv4/neigh/default/gc_thresh2': NEIGHBOUR_ENTRIES / 2,
  'net/ipv6/neigh/default/gc_thresh3': NEIGHBOUR_ENTRIES,
  'net/ipv6/neigh/default/gc_thresh2': NEIGHBOUR_ENTRIES / 2,
  'kernel/pty/max': 1_048_576, // of all mounts of devpts; each is paid for with its user's memory
  // of all user namespaces that root made, and so of all machines
  'fs/inotify/max_user_instances': 262_144,
  'fs/inotify/max_user_watches': 67_108_864,
};

/**
 * Enlarges tables of the kernel that all machines share. Never makes them smaller. The neighbours' are settings of the
 * first network namespace only; elsewhere they are left out.
 */
export function enlargeSharedTables(): void {
  for (const [key, least] of Object.entries(LEAST)) {
    const path = `/proc/sys/${key}`;
    if (existsSync(path) && Number(readFileSync(path, 'utf8')) < least) writeFileSync(path, String(least));
  }
}
