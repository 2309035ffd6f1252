import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { type CommandRunner, systemRunner } from '@planetlab/linux';
import { checkLabName } from './layout.ts';

/** What a lab has to do with: programs, folders, the runner of commands. */
export interface LabEnvironment {
  readonly runner: CommandRunner;
  readonly programs: LabPrograms;
  /** Folder in which each lab has one of its name. */
  readonly labsDirectory: string;
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

export function systemEnvironment(): LabEnvironment {
  const base =
    process.getuid?.() === 0
      ? '/var/lib/planetlab'
      : join(process.env['XDG_STATE_HOME'] ?? join(homedir(), '.local/state'), 'planetlab');
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
  readonly adminToken: string;
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
    nodes: join(root, 'nodes'),
    adminKey: join(root, 'admin_ed25519'),
    personKey: join(root, 'ada_ed25519'),
    sshConfig: join(root, 'ssh_config'),
    knownHosts: join(root, 'known_hosts'),
  };
}
