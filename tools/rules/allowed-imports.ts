/** What a unit may import of ours, and why that and no more. DESIGN's arrows, one line each. */
export interface Allowance {
  readonly may: readonly string[];
  /** Units without a name of their own, imported by path. */
  readonly mayByPath?: readonly string[];
  readonly because: string;
}

const FOUNDATION = ['@planetlab/model', '@planetlab/credentials', '@planetlab/contract'];

export const ALLOWED_IMPORTS: Readonly<Record<string, Allowance>> = {
  'packages/model': {
    may: [],
    because: 'it is the vocabulary that everything else speaks, in a browser too',
  },
  'packages/credentials': {
    may: ['@planetlab/model'],
    because: 'documents are verified offline, by anyone, without server, database or host',
  },
  'packages/contract': {
    may: ['@planetlab/model', '@planetlab/credentials'],
    because: 'it is all that PLC, nodes, clients and services share, so it must not know any of them',
  },
  'packages/selection': {
    may: ['@planetlab/model'],
    because:
      'choosing nodes is a pure function that API, command line and brokers share; it knows no server, client or database',
  },
  'packages/linux': {
    may: [],
    because: 'it drives the kernel and knows nothing of PlanetLab; errors are its own and are translated above it',
  },
  'packages/vmm': {
    may: ['@planetlab/model', '@planetlab/linux'],
    because: 'a driver runs machines; slices, leases and policy are the node manager’s',
  },
  'packages/node-manager': {
    may: [...FOUNDATION, '@planetlab/linux', '@planetlab/vmm'],
    because: 'a node is sovereign: it meets the PLC in the contract only',
  },
  'packages/plc': {
    may: [...FOUNDATION, '@planetlab/selection'],
    because: 'the PLC is one broker among several: it meets nodes in the contract only',
  },
  'packages/lab': {
    may: [...FOUNDATION, '@planetlab/linux'],
    because: 'a lab starts the real programs as processes; only the machines and the network are pretended',
  },
  'apps/plc': {
    may: [...FOUNDATION, '@planetlab/plc'],
    because: 'it wires the PLC',
  },
  'apps/node-manager': {
    may: [...FOUNDATION, '@planetlab/linux', '@planetlab/vmm', '@planetlab/node-manager'],
    because: 'it wires the node manager with its drivers',
  },
  'apps/cli': {
    may: [...FOUNDATION, '@planetlab/selection', '@planetlab/lab'],
    because: 'it is a client like any other, and the way to a lab',
  },
  'apps/console': {
    may: ['@planetlab/model', '@planetlab/contract'],
    because: 'it runs in a browser and is a client like any other',
  },
  services: {
    may: [...FOUNDATION, '@planetlab/selection'],
    because: 'services have no private door: anyone can run a better one beside them',
  },
  tests: {
    may: [
      ...FOUNDATION,
      '@planetlab/selection',
      '@planetlab/linux',
      '@planetlab/vmm',
      '@planetlab/node-manager',
      '@planetlab/plc',
      '@planetlab/lab',
    ],
    because: 'tests that cross packages may use any package, but start the programs as processes',
  },
  bench: {
    may: [
      ...FOUNDATION,
      '@planetlab/selection',
      '@planetlab/linux',
      '@planetlab/vmm',
      '@planetlab/node-manager',
      '@planetlab/plc',
      '@planetlab/lab',
    ],
    mayByPath: ['tests'],
    because: 'measurements may use any package, but start the programs as processes, as the fixtures of tests do',
  },
  tools: {
    may: [],
    because: 'set-up runs before anything is installed, and rules do not depend on what they check',
  },
  '.': {
    may: [],
    because: 'configuration at the root knows no package',
  },
};

/** The line for a unit; all services share one. */
export const allowanceOf = (unit: string): Allowance | undefined =>
  ALLOWED_IMPORTS[unit.startsWith('services/') ? 'services' : unit];
