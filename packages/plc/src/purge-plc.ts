import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { PlanetLabError } from '@planetlab/model';
import { stopLeftoverServer } from './store/private-server.ts';

/** Stops what a killed PLC left running and removes its state folder: keys, accounts, everything. */
export async function purgePlc(state: string): Promise<void> {
  const folder = resolve(state);
  if (!existsSync(folder)) return;
  const ours = ['authority.name', 'authority.key', 'broker.key', 'postgres', 'postgres.new'];
  if (!ours.some((name) => existsSync(join(folder, name)))) {
    throw new PlanetLabError('conflict', `${folder} is not the state folder of a PLC; nothing was removed.`);
  }
  await stopLeftoverServer(folder);
  rmSync(folder, { recursive: true, force: true });
}
