import { join } from 'node:path';

/** Where a node manager keeps its things. `run` is lost at reboot, as is what it describes. */
export interface NodePaths {
  readonly state: string;
  readonly config: string;
  readonly tag: string;
  readonly database: string;
  /** The leases that hold, each signed, once more: for when the database is lost. */
  readonly leases: string;
  readonly lock: string;
  readonly nodeKey: string;
  readonly nodeCertificate: string;
  readonly caCertificate: string;
  readonly node: string;
  readonly bundles: string;
  readonly slivers: string;
  /** First id of slivers, as volumes were made with it. */
  readonly idBase: string;
  readonly ssh: string;
  /** Which site the node belongs to, as its authority has told it. */
  readonly site: string;
  /** What the administrator of the machine has decided. */
  readonly decisions: string;
}

export const nodePaths = (state: string): NodePaths => ({
  state,
  config: join(state, 'config.json'),
  tag: join(state, 'tag'),
  database: join(state, 'node.db'),
  leases: join(state, 'leases'),
  lock: join(state, 'lock'),
  nodeKey: join(state, 'node.key'),
  nodeCertificate: join(state, 'node.crt'),
  caCertificate: join(state, 'ca.crt'),
  node: join(state, 'node.json'),
  bundles: join(state, 'bundles'),
  slivers: join(state, 'slivers'),
  idBase: join(state, 'id-base'),
  ssh: join(state, 'ssh'),
  site: join(state, 'site.json'),
  decisions: join(state, 'decisions.json'),
});

/** Names under which everything that this node makes on the host is found again. */
export interface NodeNames {
  readonly tag: string;
  /** Folder that vanishes at reboot. */
  readonly run: string;
  readonly runtimeRoot: string;
  /** Where roots of slivers are mounted. */
  readonly roots: string;
  readonly sshRun: string;
  /** Socket of the machine's administrator. */
  readonly adminSocket: string;
  readonly cgroupParent: string;
  /** Of the sshd by which people log in to slivers: beside those of the slivers, whose names they are. */
  readonly sshCgroup: string;
  readonly linkPrefix: string;
  readonly table: string;
  /** Says which device has the node's classes. */
  readonly shapedDevice: string;
  /** Says whether the machine passed packets on before the node did. */
  readonly forwardedBefore: string;
  /** Says from which ranges links have their addresses. */
  readonly addresses: string;
}

export const nodeNames = (tag: string): NodeNames => ({
  tag,
  run: `/run/planetlab/${tag}`,
  runtimeRoot: `/run/planetlab/${tag}/oci`,
  roots: `/run/planetlab/${tag}/roots`,
  sshRun: `/run/planetlab/${tag}/ssh`,
  adminSocket: `/run/planetlab/${tag}/admin.sock`,
  cgroupParent: `planetlab/${tag}`,
  sshCgroup: `planetlab/${tag}-sshd`,
  linkPrefix: `pl${tag.slice(0, 4)}-`,
  table: `planetlab_${tag}`,
  shapedDevice: `/run/planetlab/${tag}/shaped-device`,
  forwardedBefore: `/run/planetlab/${tag}/forwarded-before`,
  addresses: `/run/planetlab/${tag}/addresses`,
});

/** Name of the host's end of a sliver's link; at most 15 characters. */
export const linkName = (names: NodeNames, index: number): string => `${names.linkPrefix}${index}`;

/** The index in a link's name, or undefined when the link is not one of this node's. */
export function linkIndex(names: NodeNames, link: string): number | undefined {
  const rest = link.startsWith(names.linkPrefix) ? link.slice(names.linkPrefix.length) : '';
  return /^\d{1,5}$/.test(rest) ? Number(rest) : undefined;
}

export interface VolumePaths {
  /** What is kept: changes to the root, and for which lease it was made (a later one never gets an earlier one's files). */
  readonly volume: string;
  readonly upper: string;
  readonly work: string;
  readonly lease: string;
  /** Where it is mounted. Not in the state folder, which is closed to all but root: root inside must get through to it. */
  readonly mounts: string;
  readonly lower: string;
  readonly root: string;
  /** What its programs are told of themselves; they see this folder and cannot write to it. */
  readonly about: string;
}

export function volumePaths(paths: NodePaths, names: NodeNames, slice: string): VolumePaths {
  const volume = join(paths.slivers, slice);
  const mounts = join(names.roots, slice);
  return {
    volume,
    upper: join(volume, 'upper'),
    work: join(volume, 'work'),
    lease: join(volume, 'lease'),
    mounts,
    lower: join(mounts, 'lower'),
    root: join(mounts, 'root'),
    about: join(mounts, 'about'),
  };
}
