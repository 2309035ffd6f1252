import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { PlanetLabError } from '@planetlab/model';
import { readOptional, writeFileAtomic } from '../files.ts';
import type { AddressPlan } from '../slivers/addresses.ts';

export interface MadeEarlier {
  readonly plan: AddressPlan;
  /** File that says what links were made from; gone with them at a reboot. */
  readonly linksFile: string;
  /** File that says what volumes were made from. */
  readonly idsFile: string;
  readonly hasVolumes: () => boolean;
  readonly detachAll: () => Promise<void>;
}

/**
 * Links and volumes outlive the manager, and the owner may have changed meanwhile what their addresses and ids come from.
 * Links then go, to be made anew. Volumes cannot be: the files in them belong to the ids of before. Throws `conflict`.
 */
export async function settleAddresses(made: MadeEarlier): Promise<void> {
  const { sliverIpv4Range, ipv6Prefix, idBase } = made.plan;
  const ids = readOptional(made.idsFile);
  if (ids !== undefined && ids !== String(idBase) && made.hasVolumes())
    throw new PlanetLabError(
      'conflict',
      `"idBase" in config.json was ${ids} and is ${idBase} now, but what slivers have written belongs to ids from ${ids} on. Set it back and start again; it can be changed when there are no slivers.`,
    );
  if (ids !== String(idBase)) writeFileAtomic(made.idsFile, String(idBase));
  const links = JSON.stringify({ sliverIpv4Range, ipv6Prefix });
  const before = readOptional(made.linksFile);
  if (before === links) return;
  if (before !== undefined) await made.detachAll();
  mkdirSync(dirname(made.linksFile), { recursive: true, mode: 0o711 });
  writeFileAtomic(made.linksFile, links);
}
