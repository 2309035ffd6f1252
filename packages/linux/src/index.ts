/**
 * What a Linux host is asked to do: run commands, namespaces, links, mounts, nftables, cgroups, accounts, probes.
 * It knows nothing of PlanetLab: no slices, no leases, no policy.
 */
export type { Command, CommandResult, CommandRunner } from './command.ts';
export { CommandError, systemRunner } from './command.ts';
