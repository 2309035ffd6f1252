import { chmod, readFile, writeFile } from 'node:fs/promises';
import { isAlive, probeHost, processStartTime } from '@planetlab/linux';
import { PlanetLabError } from '@planetlab/model';
import { z } from 'zod';
import { createDemoSlice, DEMO_SLICE, type DemoKeys, runDemo } from './demo.ts';
import { takeDown } from './down.ts';
import { type LabEnvironment, type LabPaths, labPaths, systemEnvironment } from './environment.ts';
import { type LabFacts, readFacts, writeFacts } from './facts.ts';
import { type LabLayout, labLayout, wanTopology } from './layout.ts';
import { withLabLock } from './lock.ts';
import { ensureNetwork, freeSubnet, hostHasIpv6 } from './network.ts';
import { DEMO_SITE, type NodesContext, startNodes, waitForNodes } from './nodes.ts';
import { type LabPlc, openPlc, type PlcAccess, plcAnswers, startPlc } from './plc.ts';
import { runMarked, runTelling, type StartedProcess, startDetached, whileRunning } from './processes.ts';
import { allWorked } from './report.ts';
import { sshConfig } from './ssh-config.ts';
import type { LabAccess, LabMode, LabReport, LabUpOptions, NodeReport, ReportProgress } from './types.ts';
import { throwIfCanceled, waitUntil } from './wait.ts';

const DEMO_IMAGE = 'debian-12';
const IMAGE_TIMEOUT_MS = 15 * 60_000;

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
  if (!owned || (await plcAnswers(facts.access.plcUrl)) === undefined) return;
  throw new PlanetLabError(
    'conflict',
    `The lab "${name}" is up already: see \`pl lab status\`, or take it down with \`pl lab down\`.`,
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
  const demo = { plc: access, nodes: layout.nodes, progress, signal };
  const nodes = await whileRunning(processes, runDemo(demo));
  const labAccess = await giveAccess(context, plc, access, nodes);
  await writeFacts(paths, { ...facts, access: labAccess });
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
  await writeFacts(paths, facts);
  await chmod(paths.root, 0o711); // PostgreSQL's account passes through; each secret has a file of its own
  return facts;
}

interface Machines {
  readonly plc: LabPlc;
  readonly access: PlcAccess;
  readonly processes: readonly StartedProcess[];
}

async function startMachines(context: NodesContext, { progress }: LabUpOptions): Promise<Machines> {
  const { environment, paths, layout, mode, signal } = context;
  const image = mode === 'real' ? ensureImage(context, progress) : Promise.resolve();
  image.catch(() => {}); // awaited below; until then its failure must not count as unhandled
  const wan = mode === 'real' ? [await startWan(context, progress)] : [];
  progress({ kind: 'step', text: 'starting PLC' });
  const plc = await startPlc(environment, paths, layout, mode);
  const core = [...wan, plc.process];
  const options = { what: 'PLC to answer', timeoutMs: 90_000, pollMs: 30, signal };
  await whileRunning(
    core,
    waitUntil(() => plcAnswers(plc.url, signal), options),
  );
  const access = await openPlc(plc.url, paths, signal);
  await access.client.createSite({ body: { name: DEMO_SITE, title: 'Demonstration' } });
  await createDemoSlice({ plc: access, nodes: layout.nodes, progress, signal }, await makeSshKeys(context));
  await whileRunning(core, image);
  progress({ kind: 'step', text: `${layout.nodes.length} nodes join` });
  const nodes = await whileRunning(core, startNodes(context, access));
  const processes = [...core, ...nodes];
  await whileRunning(processes, waitForNodes(context, access));
  return { plc, access, processes };
}

/** Builds the image of slivers, once on a machine: it stays when the lab goes. */
async function ensureImage({ environment, paths, signal }: NodesContext, progress: ReportProgress): Promise<void> {
  const { node, nodeManager } = environment.programs;
  const images = ['--images', environment.imagesDirectory];
  const listed = await runMarked(environment, paths, {
    argv: [node, nodeManager, 'image', 'list', '--json', ...images],
  });
  const { items } = ImageList.parse(JSON.parse(listed));
  if (items.some(({ name }) => name === DEMO_IMAGE)) return;
  progress({ kind: 'step', text: `building the image ${DEMO_IMAGE}, once on this machine` });
  const tell = (text: string): void => progress({ kind: 'detail', text });
  const build = [node, nodeManager, 'image', 'build', DEMO_IMAGE, ...images] as const;
  await runTelling(paths, build, { timeoutMs: IMAGE_TIMEOUT_MS, signal, tell });
}

const ImageList = z.object({ items: z.array(z.object({ name: z.string() })) });

async function startWan(context: NodesContext, progress: ReportProgress): Promise<StartedProcess> {
  const { environment, paths, layout, ipv6, signal } = context;
  progress({ kind: 'step', text: 'emulating the wide-area network' });
  await ensureNetwork(layout, environment.runner, ipv6);
  await writeFile(paths.topology, JSON.stringify(wanTopology(layout)));
  const { node, cli } = environment.programs;
  const wan = await startDetached(paths, 'wan', [node, cli, 'lab', 'wan', '--topology', paths.topology]);
  const options = { what: 'the wide-area network', timeoutMs: 20_000, pollMs: 20, signal };
  await whileRunning(
    [wan],
    waitUntil(() => hubIsConnected(environment, layout), options),
  );
  return wan;
}

/** The hub is the last port that the network opens: when its device has a carrier, all have. */
async function hubIsConnected({ runner }: LabEnvironment, { hub }: LabLayout): Promise<true | undefined> {
  const { stdout } = await runner.run({ argv: ['ip', 'link', 'show', 'dev', hub.device] });
  return stdout.includes('LOWER_UP') ? true : undefined;
}

async function makeSshKeys({ environment, paths }: NodesContext): Promise<DemoKeys> {
  const make = async (file: string, comment: string): Promise<string> => {
    const argv = ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', file] as const;
    await runMarked(environment, paths, { argv });
    return (await readFile(`${file}.pub`, 'utf8')).trim();
  };
  const [admin, person] = await Promise.all([make(paths.adminKey, 'admin'), make(paths.personKey, 'ada')]);
  return { admin, person };
}

async function giveAccess(
  { paths, layout, mode, signal }: NodesContext,
  plc: LabPlc,
  { client }: PlcAccess,
  nodes: readonly NodeReport[],
): Promise<LabAccess> {
  throwIfCanceled(signal);
  const { items } = await client.listSlivers({ query: { slice: DEMO_SLICE } });
  const reachable = items.flatMap(({ node, ssh }) => (ssh === null ? [] : [{ node, ...ssh }]));
  await writeFile(paths.sshConfig, sshConfig(paths, reachable), { mode: 0o600 });
  const example = reachable.find(({ node }) => node === layout.nodes.at(-1)?.name && nodes.length > 0) ?? reachable[0];
  return {
    plcUrl: plc.url,
    tokenFile: paths.adminToken,
    signInLink: (await client.createSignInLink({})).url,
    sshConfigFile: paths.sshConfig,
    sshCommand:
      example === undefined || mode === 'simulated' ? null : `ssh -F ${paths.sshConfig} ${DEMO_SLICE}@${example.node}`,
  };
}
