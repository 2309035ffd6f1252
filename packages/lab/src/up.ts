import { chmod, writeFile } from 'node:fs/promises';
import { isAlive, probeHost, processStartTime } from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';
import { giveAccess, makeSshKeys } from './access.ts';
import { createDemoSlice, DEMO_SLICE, runDemo } from './demo.ts';
import { takeDown } from './down.ts';
import { type LabEnvironment, type LabPaths, labPaths, systemEnvironment } from './environment.ts';
import { type LabFacts, readFacts, writeFacts } from './facts.ts';
import { ensureImage } from './image.ts';
import { type LabLayout, labLayout, wanTopology } from './layout.ts';
import { withLabLock } from './lock.ts';
import { ensureNetwork, freeSubnet, hostHasIpv6 } from './network.ts';
import { DEMO_SITE, type NodesContext, startNodes, waitForNodes } from './nodes.ts';
import { type LabPlc, openPlc, ownPlcAnswers, PLC_HOST, type PlcAccess, startPlc } from './plc.ts';
import { demandPort } from './ports.ts';
import { lastWords, type StartedProcess, startDetached, whileRunning } from './processes.ts';
import { allWorked } from './report.ts';
import type { LabMode, LabReport, LabUpOptions, ReportProgress } from './types.ts';
import { waitUntil } from './wait.ts';

/**
 * Makes a whole PlanetLab and shows that it works. Whatever an earlier run left is removed first; a lab that is up is
 * left alone (`conflict`). When it fails or is interrupted, everything is removed again.
 */
export async function labUp(
  options: LabUpOptions,
  environment: LabEnvironment = systemEnvironment(),
): Promise<LabReport> {
  return withLabLock(options.name, async () => {
    const startMs = environment.nowMs();
    const paths = labPaths(environment, options.name);
    await refuseIfUp(paths, options.name);
    await takeDown(environment, options.name, options.progress);
    if (options.port !== undefined) await demandPort(PLC_HOST, options.port);
    try {
      return await bringUp(options, environment, paths, startMs);
    } catch (error) {
      await takeDown(environment, options.name, options.progress);
      throw error;
    }
  });
}

/** Detached labs stay until they are taken down; others belong to a process, and without it are leftovers. */
async function refuseIfUp(paths: LabPaths, name: string): Promise<void> {
  const facts = await readFacts(paths);
  if (facts?.access == null) return;
  const owned = facts.owner === null || isAlive(facts.owner.pid, facts.owner.startTime);
  if (!owned || (await ownPlcAnswers(facts.access.plcUrl, paths)) === undefined) return;
  throw new PlanetLabError(
    'conflict',
    `The lab "${name}" is up already: see \`pl lab status --name ${name}\`, or take it down with \`pl lab down --name ${name}\`.`,
  );
}

async function bringUp(
  options: LabUpOptions,
  environment: LabEnvironment,
  paths: LabPaths,
  startMs: number,
): Promise<LabReport> {
  const { progress, signal } = options;
  const simulatedBecause = await whySimulated(options, environment);
  const mode: LabMode = simulatedBecause === null ? 'real' : 'simulated';
  if (simulatedBecause !== null) progress({ kind: 'banner', text: `Nodes are simulated. ${simulatedBecause}` });
  const facts = await begin(options, environment, paths, mode);
  const layout = labLayout(facts);
  const context = { environment, paths, layout, mode, ipv6: hostHasIpv6(), signal };
  const { plc, access, processes } = await startMachines(context, options);
  progress({ kind: 'step', text: `${layout.nodes.length} nodes are connected` });
  const nodes = await whileRunning(processes, signal, (signal) =>
    runDemo({ plc: access, nodes: layout.nodes, progress, signal }),
  );
  const labAccess = await giveAccess(context, plc.url, access);
  await writeFacts(paths, { ...facts, access: labAccess }, environment.handOverTo);
  for (const process of processes) void tellEnd(process, options);
  return {
    name: options.name,
    mode,
    simulatedBecause,
    ok: allWorked(nodes),
    slice: DEMO_SLICE,
    nodes,
    access: labAccess,
    durationMs: Math.round(environment.nowMs() - startMs),
  };
}

async function tellEnd(process: StartedProcess, { partEnded }: LabUpOptions): Promise<void> {
  const how = await process.ended;
  partEnded?.({ what: process.what, how, lastWords: await lastWords(process), logFile: process.logFile });
}

/** What the host must be able to do for real nodes; the other features are the nodes' own business. */
const NEEDED = new Set([
  ...['root', 'user namespaces', 'overlayfs', 'idmapped mounts', 'network namespaces', 'veth', 'nftables', 'TUN'],
  ...['cgroups', 'runtime', 'init'],
]);

async function whySimulated(options: LabUpOptions, environment: LabEnvironment): Promise<string | null> {
  if (options.simulated === true) return 'You asked for it.';
  if (process.platform !== 'linux') return `Containers need Linux; this is ${process.platform}.`;
  options.progress({ kind: 'step', text: 'checking what this machine can do' });
  const missing = (await probeHost(environment.runner)).find(
    ({ feature, available }) => NEEDED.has(feature) && !available,
  );
  return missing === undefined ? null : `The check "${missing.feature}" failed: ${missing.reason}`;
}

/** Writes down what is about to be made before any of it is, so that it can be found after a kill at any moment. */
async function begin(
  options: LabUpOptions,
  environment: LabEnvironment,
  paths: LabPaths,
  mode: LabMode,
): Promise<LabFacts> {
  const subnet = mode === 'real' ? await freeSubnet(environment.runner) : 0;
  labLayout({ ...options, subnet }); // refuses what cannot be, before anything is made
  const startTime = processStartTime(process.pid) ?? 0;
  const facts: LabFacts = {
    name: options.name,
    mode,
    subnet,
    nodes: options.nodes,
    startedAt: new Date().toISOString(),
    owner: options.detached ? null : { pid: process.pid, startTime },
    access: null,
  };
  await writeFacts(paths, facts, environment.handOverTo);
  await chmod(paths.root, 0o711); // PostgreSQL's account passes through; each secret has a file of its own
  return facts;
}

interface Machines {
  readonly plc: LabPlc;
  readonly access: PlcAccess;
  readonly processes: readonly StartedProcess[];
}

async function startMachines(context: NodesContext, options: LabUpOptions): Promise<Machines> {
  const { layout, mode, signal } = context;
  const { progress, port } = options;
  const image = mode === 'real' ? ensureImage(context, progress) : Promise.resolve();
  image.catch(() => {}); // awaited below; until then its failure must not count as unhandled
  const wan = mode === 'real' ? [await startWan(context, progress)] : [];
  progress({ kind: 'step', text: 'starting PLC' });
  const plc = await startPlc(context, port, wan);
  const core = [...wan, plc.process];
  const access = await openPlc(plc.url, context.paths, signal);
  await access.client.createSite({ body: { name: DEMO_SITE, title: 'Demonstration' } });
  await createDemoSlice({ plc: access, nodes: layout.nodes, progress, signal }, await makeSshKeys(context));
  await whileRunning(core, signal, () => image);
  progress({ kind: 'step', text: `${layout.nodes.length} nodes join` });
  const nodes = await whileRunning(core, signal, (signal) => startNodes({ ...context, signal }, access));
  const processes = [...core, ...nodes];
  await whileRunning(processes, signal, (signal) => waitForNodes({ ...context, signal }, access));
  return { plc, access, processes };
}

async function startWan(context: NodesContext, progress: ReportProgress): Promise<StartedProcess> {
  const { environment, paths, layout, ipv6, signal } = context;
  progress({ kind: 'step', text: 'emulating the wide-area network' });
  await ensureNetwork(layout, environment.runner, ipv6);
  await writeFile(paths.topology, JSON.stringify(wanTopology(layout)));
  const { node, cli } = environment.programs;
  const argv = [node, cli, 'lab', 'wan', '--topology', paths.topology] as const;
  const wan = await startDetached(paths, { name: 'wan', what: 'the emulated network' }, argv);
  const options = { what: 'the emulated network', timeoutMs: 20_000, pollMs: 20 };
  await whileRunning([wan], signal, (signal) =>
    waitUntil(() => hubIsConnected(environment, layout), { ...options, signal }),
  );
  return wan;
}

/** The hub is the last port that the network opens: when its device has a carrier, all have. */
async function hubIsConnected({ runner }: LabEnvironment, { hub }: LabLayout): Promise<true | undefined> {
  const { stdout } = await runner.run({ argv: ['ip', 'link', 'show', 'dev', hub.device] });
  return stdout.includes('LOWER_UP') ? true : undefined;
}
