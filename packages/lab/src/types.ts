import type { ErrorCode, NodeName, Place, SliverState } from '@planetlab/model';

/** What the lab says while it works. Whoever shows it may overwrite `detail` lines. */
export type LabProgress =
  /** A part of the work begins, for example "starting PLC". */
  | { readonly kind: 'step'; readonly text: string }
  /** Something within that part, such as a line of the image's build. */
  | { readonly kind: 'detail'; readonly text: string }
  /** To be seen by all means: nodes are simulated, and why. */
  | { readonly kind: 'banner'; readonly text: string }
  /** How far the demonstration's slivers are. */
  | { readonly kind: 'slivers'; readonly slivers: readonly SliverProgress[] };

export interface SliverProgress {
  readonly node: NodeName;
  readonly state: SliverState;
  readonly timeToRunningMs: number | null;
}

export type ReportProgress = (progress: LabProgress) => void;

/** `real`: containers and an emulated wide-area network; `simulated`: the same programs, nothing of the host. */
export type LabMode = 'real' | 'simulated';

export interface LabUpOptions {
  readonly name: string;
  readonly nodes: number;
  /** Where people reach the PLC on 127.0.0.1. Without it 8420, or any where that is taken. */
  readonly port?: number | undefined;
  /** Simulate also where containers could run. */
  readonly simulated?: boolean;
  /** It stays up without the process that called; otherwise the next `up` takes it for a leftover when that one is gone. */
  readonly detached: boolean;
  readonly progress: ReportProgress;
  readonly signal: AbortSignal;
  /** Called for each of the lab's programs that ends once the lab is up, also when that is because it is taken down. */
  readonly partEnded?: (end: PartEnd) => void;
}

/** A program of the lab has ended. */
export interface PartEnd {
  /** For a sentence: "the PLC", "the node manager of tokyo". */
  readonly what: string;
  /** Its exit code or the signal that ended it, in words. */
  readonly how: string;
  /** The last lines of its log; empty when it said nothing. */
  readonly lastWords: string;
  readonly logFile: string;
}

/** The demonstration's outcome on one node. */
export interface NodeReport {
  readonly node: NodeName;
  readonly place: Place;
  readonly state: SliverState;
  /** From the request at the PLC to the first report of `running`. */
  readonly timeToRunningMs: number | null;
  /** What the command in the sliver wrote, or null when it did not run. */
  readonly output: string | null;
  /** Round-trip times in milliseconds from this sliver to that of each other node; null where no answer came. */
  readonly roundTripsMs: Readonly<Record<string, number | null>>;
  /** What went wrong here, each with its code and a sentence. */
  readonly problems: readonly LabProblem[];
}

export interface LabProblem {
  readonly code: ErrorCode;
  readonly message: string;
}

/** What `up` has made, and what the demonstration showed. */
export interface LabReport {
  readonly name: string;
  readonly mode: LabMode;
  /** Why it is simulated, in a sentence; null when it is not. */
  readonly simulatedBecause: string | null;
  /** Everything was made, ran, and answered. */
  readonly ok: boolean;
  readonly slice: string;
  readonly nodes: readonly NodeReport[];
  readonly access: LabAccess;
  /** From the start of `up`. */
  readonly durationMs: number;
}

/** How to get in. Secrets are named by their files, except for the link, which works once. */
export interface LabAccess {
  readonly plcUrl: string;
  /** API token of the lab's administrator. */
  readonly tokenFile: string;
  /** Signs its opener in to the console, once. */
  readonly signInLink: string | null;
  /** For `ssh -F`: knows all nodes by name, the key, and a list of host keys of its own. */
  readonly sshConfigFile: string;
  /** A line to try; null where nobody can log in, as in a simulated lab. */
  readonly sshCommand: string | null;
}

export interface LabStatus {
  readonly name: string;
  readonly mode: LabMode;
  /** `starting` also when it was left half made; `broken` when some of its processes have ended. */
  readonly state: 'starting' | 'up' | 'broken';
  readonly detached: boolean;
  readonly startedAt: string;
  readonly stateDirectory: string;
  readonly processes: readonly LabProcess[];
  readonly access: LabAccess | null;
}

/** A process that carries the lab's mark. */
export interface LabProcess {
  readonly pid: number;
  /** `plc`, `wan`, `node`, or `other`: what these have started. */
  readonly part: LabPart;
  readonly command: string;
}
export type LabPart = 'plc' | 'node' | 'wan' | 'other';

/** Something on the host that still carries the lab's name or mark. */
export interface Leftover {
  readonly kind: 'process' | 'network namespace' | 'link' | 'mount' | 'cgroup' | 'nftables table' | 'state';
  readonly name: string;
}
