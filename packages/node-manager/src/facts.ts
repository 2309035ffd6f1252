import { release } from 'node:os';
import type { HostFeature, NodeFacts } from '@planetlab/contract';
import { type ResourceSums, toInstant } from '@planetlab/model';
import { drainReason } from './admission/decisions.ts';
import type { Backend } from './backend.ts';
import { type NodeConfig, parseEndpoint } from './config.ts';
import type { NodeIdentity } from './identity/identity.ts';
import type { SiteFile } from './identity/site-file.ts';
import type { DecisionFile } from './local/decision-file.ts';
import type { NodeStore } from './store/store.ts';
import { VERSION } from './version.ts';

export interface FactsOptions {
  readonly identity: Pick<NodeIdentity, 'id' | 'name'>;
  readonly config: NodeConfig;
  readonly backend: Backend;
  readonly store: NodeStore;
  readonly site: Pick<SiteFile, 'current'>;
  readonly decisions: Pick<DecisionFile, 'current'>;
  /** What the policy lets the node promise. */
  readonly capacity: ResourceSums;
  /** Found out once, in the background; until then what is known. */
  readonly features: () => readonly HostFeature[];
  readonly bootId: () => string;
  readonly startedAtMs: number;
  readonly now: () => number;
}

/** What the node says of itself. */
export function nodeFacts(options: FactsOptions): NodeFacts {
  const { identity, config, backend, store, now } = options;
  const bound = store.bound();
  const drain = drainReason(options.decisions.current());
  return {
    id: identity.id,
    name: identity.name,
    version: VERSION,
    clock: toInstant(now()),
    startedAt: toInstant(options.startedAtMs),
    vmm: { driver: backend.vmm.driver, detail: backend.vmm.detail, simulated: backend.simulated },
    kernel: release(),
    architecture: process.arch,
    place: config.place,
    site: options.site.current(),
    capacity: options.capacity,
    leased: bound.sums,
    ipv4: config.ipv4,
    ipv6Prefix: config.ipv6Prefix,
    ssh: sshEndpoint(options),
    images: backend.images.list().map(({ name }) => name),
    features: [...options.features()],
    slivers: bound.slivers,
    bootId: options.bootId(),
    sensors: { at: toInstant(now()), ...backend.host.sensors() },
    ...(drain === undefined ? {} : { drain }),
  };
}

/** Where others reach the node's sshd: at the address it listens on, or at the node's own if it listens on all. */
function sshEndpoint({ config, backend, identity }: FactsOptions): NodeFacts['ssh'] {
  if (config.sshListen === null || backend.runtime === null) return null;
  const { host, port } = parseEndpoint(config.sshListen);
  const everywhere = host === '0.0.0.0' || host === '::';
  return { host: everywhere ? (config.ipv4 ?? identity.name) : host, port };
}
