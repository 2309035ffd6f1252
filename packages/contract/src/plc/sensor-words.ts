import { formatMiB } from '@planetlab/model';
import type { NodeSensors } from '../node/types.ts';
import type { NodeAvailability, NodeMeasured } from './types.ts';

/** What is measured of nodes, for people: on the command line and in the console. */
export const useInWords = ({ load, coresIdle, memoryAvailableMiB, diskAvailableMiB }: NodeSensors): string =>
  `load ${load} a core, ${coresIdle} cores idle, ${formatMiB(memoryAvailableMiB)} of memory and ${formatMiB(diskAvailableMiB)} of disk left`;

export const wayInWords = ({ rttMs, clockOffsetMs }: NodeMeasured): string =>
  `${rttMs === null ? 'no answer to a ping' : `${rttMs} ms`}, its clock ${Math.abs(clockOffsetMs)} ms ${clockOffsetMs < 0 ? 'behind' : 'ahead'}`;

export const availabilityInWords = ({ day, week }: NodeAvailability): string =>
  `at ${(day * 100).toFixed(1)} % of the looks in the last day, ${(week * 100).toFixed(1)} % in the last week`;
