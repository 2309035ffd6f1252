import { type NodeName, PlanetLabError } from '@planetlab/model';
import { asMachineId, type Vmm } from '@planetlab/vmm';
import type { Host } from '../host/host.ts';
import type { NodeNetwork } from '../network/node-network.ts';
import { ABOUT_FOLDER } from './about.ts';
import { type AddressPlan, addressesOf, IDS_PER_SLIVER } from './addresses.ts';
import { machineLimits } from './observe.ts';
import type { DesiredSliver, Step } from './steps.ts';

export interface ExecutorContext {
  readonly host: Host;
  readonly vmm: Vmm;
  readonly addresses: AddressPlan;
  readonly nodeName: NodeName;
  /** Shown inside slivers, if any. */
  readonly resolvConfPath?: string;
  /** Of the node's configuration, for the driver. */
  readonly attachments: Readonly<Record<string, string>>;
  readonly network: Pick<NodeNetwork, 'apply' | 'ensure' | 'forget'>;
  /** Replaces accounts, keys and sshd's configuration by what the text says. */
  readonly setAccounts: (accounts: string) => Promise<void>;
}

type StepOf<K extends Step['kind']> = Extract<Step, { readonly kind: K }>;
type Executors = { readonly [K in Step['kind']]: (step: StepOf<K>, context: ExecutorContext) => Promise<void> };

/** Time between asking a sliver's programs to end and ending them. */
const STOP_GRACE_MS = 2_000;

/** Exactly one for each kind of step. Each may be run again after any crash. */
const EXECUTORS: Executors = {
  // undone by UnmountRoot and RemoveVolume
  MountRoot: async ({ sliver }, { host }) => void (await host.mountRoot(sliver)),
  // undone by DestroyMachine
  CreateMachine: async ({ sliver }, context) => {
    await context.host.tell(sliver.slice, sliver.about); // its machine shows the folder
    await context.vmm.create(machineSpec(sliver, context));
  },
  // undone by DetachNetwork
  AttachNetwork: async ({ sliver }, { host, vmm, network }) => {
    const machine = await vmm.status(asMachineId(sliver.slice));
    if (machine === undefined)
      throw new PlanetLabError('sliver_not_running', `The machine ${sliver.slice} is not there.`);
    await network.ensure(sliver.index, sliver.lease); // nothing passes before its rules are there
    await host.attachNetwork(sliver, machine.pid);
  },
  // undone by StopMachine
  StartMachine: async ({ slice }, { vmm }) => vmm.start(asMachineId(slice)),
  // undone by applying others
  ApplyLimits: async ({ sliver }, { host, vmm }) => {
    await vmm.update(asMachineId(sliver.slice), machineLimits(sliver));
    await host.growVolume(sliver.slice, sliver.resources.diskMiB);
  },
  // undone by telling something else
  TellSliver: async ({ sliver }, { host }) => host.tell(sliver.slice, sliver.about),
  StopMachine: async ({ slice }, { vmm }) => vmm.stop(asMachineId(slice), { graceMs: STOP_GRACE_MS }),
  DestroyMachine: async ({ slice }, { vmm }) => vmm.destroy(asMachineId(slice)),
  DetachNetwork: async ({ index }, { host }) => host.detachNetwork(index),
  UnmountRoot: async ({ slice }, { host }) => host.unmountRoot(slice),
  // cannot be undone: what was written is gone
  RemoveVolume: async ({ slice }, { host }) => host.removeVolume(slice),
  RemoveLink: async ({ index }, { host }) => host.detachNetwork(index),
  // each is undone by applying another one
  ApplyNetwork: async (_step, { network }) => network.apply(),
  ApplyAccounts: async ({ accounts }, { setAccounts }) => setAccounts(accounts),
};

/** After each of them the manager can be made to end; see `FaultPoint`. */
export const STEP_KINDS = Object.keys(EXECUTORS) as readonly Step['kind'][]; // its keys are these and no others

export function executeStep(step: Step, context: ExecutorContext): Promise<void> {
  const execute = EXECUTORS[step.kind] as (step: Step, context: ExecutorContext) => Promise<void>; // keyed by its kind
  return execute(step, context);
}

function machineSpec(sliver: DesiredSliver, context: ExecutorContext) {
  return {
    id: asMachineId(sliver.slice),
    hostname: context.nodeName,
    rootPath: context.host.rootPath(sliver.slice),
    idBase: addressesOf(context.addresses, sliver.index).idBase,
    idCount: IDS_PER_SLIVER,
    limits: machineLimits(sliver),
    attachments: context.attachments,
    shownFolders: [{ path: context.host.aboutFolder(sliver.slice), inside: ABOUT_FOLDER }],
    ...(context.resolvConfPath === undefined ? {} : { resolvConfPath: context.resolvConfPath }),
  };
}
