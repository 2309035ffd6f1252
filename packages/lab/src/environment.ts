import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type CommandRunner, systemRunner } from '@planetlab/linux';
import { type Account, sudoCaller } from './hand-over.ts';
import { checkLabName } from './layout.ts';

/** What a lab has to do with: programs, folders, the runner of commands. */
export interface LabEnvironment {
  readonly runner: CommandRunner;
  readonly programs: LabPrograms;
  /** Folder in which each lab has one of its name. */
  readonly labsDirectory: string;
  /** The same for labs that run as root; one that was started through sudo is found there by the person who did. */
  readonly rootLabsDirectory: string;
  /** Who called sudo, and gets the keys and tokens of a lab that is made; null for nobody. */
  readonly handOverTo: Account | null;
  /** Images are built once, and shared by all nodes of all labs. */
  readonly imagesDirectory: string;
  /** Milliseconds, never running backwards. */
  readonly nowMs: () => number;
}

export interface LabPrograms {
  readonly node: string;
  readonly plc: string;
  readonly nodeManager: string;
  readonly cli: string;
  readonly consoleDirectory: string;
}

const REPOSITORY = resolve(import.meta.dirname, '../../..');

const ROOT_BASE = '/var/lib/planetlab';

export function systemEnvironment(): LabEnvironment {
  const uid = process.getuid?.();
  const base =
    uid === 0 ? ROOT_BASE : join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local/state'), 'planetlab');
  return {
    runner: systemRunner,
    programs: {
      node: process.execPath,
      plc: join(REPOSITORY, 'apps/plc/main.ts'),
      nodeManager: join(REPOSITORY, 'apps/node-manager/main.ts'),
      cli: join(REPOSITORY, 'apps/cli/main.ts'),
      consoleDirectory: join(REPOSITORY, 'apps/console/dist'),
    },
    labsDirectory: join(base, 'labs'),
    rootLabsDirectory: join(ROOT_BASE, 'labs'),
    handOverTo: sudoCaller(process.env, uid),
    imagesDirectory: join(base, 'images'),
    nowMs: () => performance.now(),
  };
}

/** Where a lab keeps everything; all of it goes with `down`. */
export interface LabPaths {
  readonly root: string;
  readonly facts: string;
  readonly topology: string;
  readonly logs: string;
  readonly plc: string;
  /** Written by the PLC at its first start. */
  readonly adminToken: string;
  readonly authorityCertificate: string;
  /** A copy of the administrator's token, for the person whose lab it is. */
  readonly token: string;
  readonly nodes: string;
  /** SSH keys of the two people whom the lab registers: its administrator, and the one in the demonstration. */
  readonly adminKey: string;
  readonly personKey: string;
  readonly sshConfig: string;
  readonly knownHosts: string;
}

export function labPaths(environment: Pick<LabEnvironment, 'labsDirectory'>, labName: string): LabPaths {
  const root = join(environment.labsDirectory, checkLabName(labName));
  return {
    root,
    facts: join(root, 'lab.json'),
    topology: join(root, 'topology.json'),
    logs: join(root, 'logs'),
    plc: join(root, 'plc'),
    adminToken: join(root, 'plc/bootstrap-admin.token'),
    authorityCertificate: join(root, 'plc/authority.pem'),
    token: join(root, 'admin.token'),
    nodes: join(root, 'nodes'),
    adminKey: join(root, 'admin_ed25519'),
    personKey: join(root, 'ada_ed25519'),
    sshConfig: join(root, 'ssh_config'),
    knownHosts: join(root, 'known_hosts'),
  };
}

/** Where a lab is that runs as root, and is this person's by its `lab.json` (`handOver`). */
export const handedOverPaths = ({ rootLabsDirectory }: LabEnvironment, labName: string): LabPaths =>
  labPaths({ labsDirectory: rootLabsDirectory }, labName);
