/**
 * A whole PlanetLab on one machine: same programs, same protocols, real containers; only the machines are pretended.
 * It starts PLC and node managers as processes and talks to them by the contract; it must not import either.
 */
export { labDown } from './down.ts';
export type { LabEnvironment, LabPrograms } from './environment.ts';
export { systemEnvironment } from './environment.ts';
export { MAX_NODES } from './layout.ts';
export { leftovers } from './leftovers.ts';
export { reportRows, roundTripRows } from './report.ts';
export { labStatus } from './status.ts';
export type {
  LabAccess,
  LabMode,
  LabPart,
  LabProblem,
  LabProcess,
  LabProgress,
  LabReport,
  LabStatus,
  LabUpOptions,
  Leftover,
  NodeReport,
  PartEnd,
  ReportProgress,
  SliverProgress,
} from './types.ts';
export { labUp } from './up.ts';
export type { WanCounters } from './wan/forward.ts';
export { runWan } from './wan/run-wan.ts';
