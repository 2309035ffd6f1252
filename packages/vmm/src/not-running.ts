import { PlanetLabError } from '@planetlab/model';
import type { MachineId } from './vmm.ts';

/** The failure of every operation that needs a machine in another state, or a machine at all. */
export const notRunning = (id: MachineId, what: string): PlanetLabError =>
  new PlanetLabError('sliver_not_running', `The machine ${id} ${what}.`);
