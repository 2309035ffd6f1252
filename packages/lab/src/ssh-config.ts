import type { LabPaths } from './environment.ts';

/**
 * A configuration for `ssh -F`: nodes by name, the lab's keys, and a list of host keys of its own, so that neither the
 * person's own list nor that of an earlier lab gets in the way.
 */
export function sshConfig(
  paths: Pick<LabPaths, 'adminKey' | 'personKey' | 'knownHosts'>,
  nodes: readonly { readonly node: string; readonly host: string; readonly port: number }[],
): string {
  const hosts = nodes.map(({ node, host, port }) => `Host ${node}\n  HostName ${host}\n  Port ${port}\n`);
  const common = [
    'Host *',
    `  IdentityFile "${paths.adminKey}"`,
    `  IdentityFile "${paths.personKey}"`,
    '  IdentitiesOnly yes',
    `  UserKnownHostsFile "${paths.knownHosts}"`,
    '  StrictHostKeyChecking accept-new',
  ];
  return `${hosts.join('')}${common.join('\n')}\n`;
}
