import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { HostFeature } from '@planetlab/contract';
import { createReplayGuard, readLease } from '@planetlab/credentials';
import { type CommandRunner, listeningSockets, systemRunner } from '@planetlab/linux';
import { messageOf, portKey, type SliceName } from '@planetlab/model';
import type { FastifyBaseLogger } from 'fastify';
import { createSshAccess, type SshAccess } from './access/ssh-access.ts';
import { stopReason } from './admission/decisions.ts';
import { defaultPolicy, promisable } from './admission/policy.ts';
import { createNodeApi, listenDirectly, type NodeApi } from './api/app.ts';
import { createAuthoriser } from './api/authorise.ts';
import { type Backend, createBackend, resolvConf } from './backend.ts';
import { type NodeConfig, parseEndpoint, readConfig } from './config.ts';
import { nodeFacts } from './facts.ts';
import { type FaultPoint, noFaults } from './fault-point.ts';
import { readOptional, writeFileAtomic } from './files.ts';
import { type NodeIdentity, readIdentity, tagOf } from './identity/identity.ts';
import { type CertificateRenewal, createRenewal } from './identity/renewal.ts';
import { openSiteFile, type SiteFile } from './identity/site-file.ts';
import { createLeaseClock } from './lease-clock.ts';
import { createLeaseService } from './leases/lease-service.ts';
import { type DecisionFile, openDecisionFile } from './local/decision-file.ts';
import { endBannedLeases } from './local/local-admin.ts';
import { openLocalAdmin } from './local/open-local-admin.ts';
import { createRebooter, type Machine, type Rebooter, thisMachine } from './local/reboot.ts';
import { machineNetwork, NO_MACHINE_NETWORK } from './network/host-network.ts';
import { openNetwork } from './network/open-network.ts';
import { takeNodeLock } from './node-lock.ts';
import { type NodeNames, type NodePaths, nodeNames, nodePaths } from './paths.ts';
import { createCpuPlan } from './resources/cpu-plan.ts';
import { FirstWatch } from './resources/first-watch.ts';
import { MemoryWatch } from './resources/memory-watch.ts';
import { sliverUsage } from './resources/usage.ts';
import { aboutText } from './slivers/about.ts';
import { createDirectory } from './slivers/directory.ts';
import { createEventHub } from './slivers/event-hub.ts';
import { createReconciler } from './slivers/reconciler.ts';
import { openDurableStore } from './store/durable-store.ts';
import type { NodeStore, SliverRow } from './store/store.ts';
import { startUplink, type Uplink, type UplinkState } from './uplink/uplink.ts';

export interface NodeManagerOptions {
  readonly stateDir: string;
  readonly logger: FastifyBaseLogger;
  readonly runner?: CommandRunner;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly random?: () => number;
  /** For tests: what is rebooted on request. */
  readonly machine?: Machine;
  /** For tests: where crashes are tried. */
  readonly reached?: FaultPoint;
}

/** A running node manager. Disposing of it closes its API and its uplink; slivers go on. */
export interface NodeManager extends AsyncDisposable {
  readonly identity: NodeIdentity;
  /** Port of the direct API, when there is one. */
  readonly apiPort: number | null;
  uplinkState(): UplinkState;
  /** Resolves when nothing is being done (retries after failures excepted). */
  idle(): Promise<void>;
}

/** Starts a node that has joined: finds what is on the host, brings it to where it should be, opens the ways in. */
export async function startNodeManager(options: NodeManagerOptions): Promise<NodeManager> {
  const { stateDir, logger, now: wallMs = Date.now, random = Math.random } = options;
  const reached = options.reached ?? noFaults;
  const paths = nodePaths(stateDir);
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  await using stack = new AsyncDisposableStack();
  stack.use(takeNodeLock(paths.lock));
  const config = readConfig(paths.config);
  const runner = boundedRunner(options.runner ?? systemRunner, config.stepTimeoutMs);
  const identity = readIdentity(paths);
  const names = namesOf(config, identity, paths);
  const backend = await createBackend({ config, paths, names, runner, logger });
  const store = stack.adopt(
    openDurableStore({
      ...{ paths, logger, reached, nowMs: wallMs() },
      readToken: (token) => readLease(token, identity.key.publicKey),
    }),
    (open) => open.close(),
  );
  const now = createLeaseClock({ store, wallMs, logger });
  const decisions = openDecisionFile(paths.decisions);
  endBannedLeases({ decisions, store, now, logger });
  const site = openSiteFile(paths.site, logger);
  const parts: Parts = {
    ...{ config, identity, paths, names, backend, store, decisions, site },
    ...{ logger, runner, now, wallMs, random, reached },
  };
  const rebooter = rebooterOf(parts, options.machine);
  const renewal = createRenewal(identity, paths.nodeCertificate);
  const core = await startCore(parts, stack);
  let uplink: Uplink | undefined;
  const admin = await openLocalAdmin({
    ...parts,
    directory: core.directory,
    changed: (slice) => core.changed([slice]),
    uplinkState: () => uplink?.state() ?? { state: 'connecting' },
  });
  if (admin !== undefined) stack.use(admin);
  const api = stack.adopt(await openApi(parts, core, renewal, rebooter), (open) => open.close());
  stack.defer(() => core.hub.close());
  const tls = { keyPem: identity.key.exportPem(), certificatePem: identity.certificatePem };
  const direct =
    config.apiListen === null
      ? null
      : stack.adopt(await listenDirectly(api, parseEndpoint(config.apiListen), tls), (open) => open.close());
  uplink = stack.adopt(dialAuthority(parts, renewal, api), (open) => open.close());
  logger.info({ node: identity.name, vmm: backend.vmm.detail, tag: names.tag }, 'node manager running');
  const opened = uplink;
  const owned = stack.move();
  return {
    identity,
    apiPort: direct?.port ?? null,
    uplinkState: () => opened.state(),
    idle: () => core.reconciler.idle(),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

const dialAuthority = ({ identity, logger, random }: Parts, renewal: CertificateRenewal, { serve }: NodeApi): Uplink =>
  startUplink({
    ...{ address: identity.plcAddress, caPem: identity.caPem, serve, logger, random },
    keyPem: identity.key.exportPem(),
    certificatePem: () => renewal.current(),
  });

/** A node that is simulated is not the machine that it runs on. */
const rebooterOf = ({ config, backend, store, runner, now }: Parts, machine?: Machine): Rebooter =>
  createRebooter({
    machine: machine ?? thisMachine(runner),
    allowed: config.rebootOnRequest && (machine !== undefined || !backend.simulated),
    log: (entry) => store.logSteps([entry]),
    now,
  });

/** Brings the host to where it should be, and keeps it there until the stack is disposed of. */
async function startCore(parts: Parts, stack: AsyncDisposableStack) {
  const core = createCore(parts);
  stack.defer(() => core.reconciler.close());
  await core.reconciler.start();
  const { store, backend, logger, now } = parts;
  stack.use(
    new MemoryWatch({
      ...{ store, directory: core.directory, vmm: backend.vmm, logger, now },
      trigger: (slice) => core.reconciler.trigger(slice),
    }),
  );
  stack.use(new FirstWatch({ plan: core.cpuPlan, vmm: backend.vmm, logger }));
  core.network.start();
  stack.defer(() => core.network.close());
  return core;
}

/** Everything a node manager is made from. */
interface Parts {
  readonly config: NodeConfig;
  readonly identity: NodeIdentity;
  readonly paths: NodePaths;
  readonly names: NodeNames;
  readonly backend: Backend;
  readonly store: NodeStore;
  readonly decisions: DecisionFile;
  readonly site: SiteFile;
  readonly logger: FastifyBaseLogger;
  readonly runner: CommandRunner;
  /** The time that leases are measured by. */
  readonly now: () => number;
  /** The machine's own clock, by which others date what they sign. */
  readonly wallMs: () => number;
  readonly random: () => number;
  readonly reached: FaultPoint;
}

/** Nothing that is run for a step hangs for ever; what states a time of its own has that. */
const boundedRunner = (runner: CommandRunner, timeoutMs: number): CommandRunner => ({
  run: (command) => runner.run({ timeoutMs, ...command }),
});

/** The tag is written down before anything is made under it, so that it is found again without the rest of the state. */
function namesOf(config: NodeConfig, identity: NodeIdentity, paths: NodePaths): NodeNames {
  const tag = config.nodeTag ?? tagOf(identity.id);
  if (readOptional(paths.tag) !== tag) writeFileAtomic(paths.tag, tag);
  return nodeNames(tag);
}

/** The part that makes the host be as the leases say. */
function createCore(parts: Parts) {
  const { config, identity, names, backend, store, logger, now, random } = parts;
  const hub = createEventHub();
  const directory = createDirectory({ store, hub, addresses: config, now });
  const access = sshAccess(parts);
  const resolver = backend.simulated ? undefined : resolvConf();
  const opened = openNetwork({
    ...{ config, names, host: backend.host, store, logger, now },
    machine: backend.simulated ? NO_MACHINE_NETWORK : machineNetwork(config, names, resolver),
    tell(slice, code, message) {
      logger.info({ slice, code }, message);
      store.logSteps([{ atMs: now(), slice, step: 'SlowEgress', outcome: 'done', durationMs: 0, message }]);
      directory.notify(slice, { code, message });
    },
  });
  const { network } = opened;
  const cpuPlan = createCpuPlan(availableParallelism());
  const reconciler = createReconciler({
    store,
    reached: parts.reached,
    directory,
    cpuPlan,
    aboutOf: (row) => aboutOf(parts, row),
    logger,
    now,
    random,
    context: {
      host: backend.host,
      vmm: backend.vmm,
      addresses: config,
      nodeName: identity.name,
      attachments: config.attachments,
      network,
      setAccounts: (accounts) => access?.set(accounts) ?? Promise.resolve(),
      ...(resolver === undefined ? {} : { resolvConfPath: resolver }),
    },
    observedNetwork: () => network.current(),
    desiredNode: () => ({ network: network.desired(), accounts: access === undefined ? '' : accountsOf(store) }),
    stopReason: (lease) => stopReason(parts.decisions.current(), lease),
    observedAccounts: () => (access === undefined ? '' : access.current()),
  });
  const changed = (slices: readonly SliceName[]) => {
    reconciler.triggerNode(); // first: what all slivers share is then there for each
    for (const slice of slices) reconciler.trigger(slice);
    for (const slice of slices) directory.touch(slice);
  };
  return { hub, directory, reconciler, cpuPlan, changed, network: opened };
}

function sshAccess({ config, backend, paths, names, identity, runner, logger }: Parts): SshAccess | undefined {
  if (config.sshListen === null || backend.runtime === null) return undefined;
  return createSshAccess({
    listen: parseEndpoint(config.sshListen),
    stateFolder: paths.ssh,
    runFolder: names.sshRun,
    cgroup: names.sshCgroup,
    runtime: backend.runtime,
    nodeName: identity.name,
    runner,
    logger,
  });
}

const aboutOf = ({ identity, config, store, site }: Parts, row: SliverRow): string =>
  aboutText({
    authority: row.stored.lease.authority,
    slice: row.slice,
    node: identity.name,
    place: config.place,
    site: site.current(),
    tags: store.tags(row),
  });

/** Who may log in to what, as one text: slivers whose leases hold, and their keys. */
function accountsOf(store: NodeStore): string {
  const keys = store.access();
  const live = store.liveLeases().map(({ lease }) => lease.slice);
  return JSON.stringify(
    Object.fromEntries(live.map((slice) => [slice, (keys.get(slice) ?? []).map(({ key }) => key)])),
  );
}

async function openApi(
  parts: Parts,
  { directory, reconciler, changed, network }: ReturnType<typeof createCore>,
  renewal: CertificateRenewal,
  rebooter: Rebooter,
): Promise<NodeApi> {
  const { config, identity, backend, store, decisions, site, logger, now } = parts;
  const policy = defaultPolicy(identity.authority);
  const host = { ...backend.host.capacity(), egressMinKbps: config.egressKbps };
  const probed = probeInBackground(parts);
  const features = () => (backend.simulated ? probed() : [...probed(), network.feature()]);
  const facts = {
    ...{
      identity,
      config,
      backend,
      store,
      decisions,
      site,
      now,
      features,
      bootId: rebooter.bootId,
      startedAtMs: now(),
    },
    capacity: promisable(policy, host, policy.experimentMs),
  };
  const leases = createLeaseService({
    ...{ node: identity, policy, store, images: backend.images, addresses: config, host, now },
    decisions: () => decisions.current(),
    growsVolume: (slice) => backend.host.growsVolume(slice),
    ownPorts: () => new Set(listeningSockets().map(portKey)),
    changed,
  });
  return createNodeApi(
    {
      authorise: createAuthoriser({ trusted: policy.authorities, guard: createReplayGuard(), now: parts.wallMs }),
      facts: async () => nodeFacts(facts),
      images: backend.images,
      leases,
      renewal,
      rebooter,
      store,
      directory,
      vmm: backend.vmm,
      usage: (sliver) =>
        sliverUsage({ store, vmm: backend.vmm, host: backend.host, egressUse: network.use, now }, sliver),
      nodeName: identity.name,
      authority: identity.authority.name,
      site,
      accessChanged: () => reconciler.triggerNode(),
      sliverChanged: (slice) => reconciler.trigger(slice),
    },
    logger,
  );
}

/** Features are tried for real, which takes a while; slivers need not wait for it. */
function probeInBackground({ backend, logger }: Parts): () => readonly HostFeature[] {
  let features: readonly HostFeature[] = [];
  backend.host.features().then(
    (found) => {
      features = found;
    },
    (error: unknown) => logger.warn({ reason: messageOf(error) }, 'the host could not be probed'),
  );
  return () => features;
}
