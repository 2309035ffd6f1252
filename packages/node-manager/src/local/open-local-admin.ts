import { toInstant } from '@planetlab/model';
import type { FastifyBaseLogger } from 'fastify';
import type { Backend } from '../backend.ts';
import type { NodeIdentity } from '../identity/identity.ts';
import type { NodeNames } from '../paths.ts';
import type { UplinkState } from '../uplink/uplink.ts';
import { VERSION } from '../version.ts';
import { openAdminApi } from './admin-api.ts';
import { createLocalAdmin, type LocalAdminOptions } from './local-admin.ts';

export interface OpenLocalAdminOptions extends Omit<LocalAdminOptions, 'about' | 'vmm'> {
  readonly identity: NodeIdentity;
  readonly names: NodeNames;
  readonly backend: Backend;
  readonly uplinkState: () => UplinkState;
  readonly logger: FastifyBaseLogger;
}

/** Lets the administrator of the machine in, where there is one: a node that does not run as root has none. */
export async function openLocalAdmin(options: OpenLocalAdminOptions): Promise<AsyncDisposable | undefined> {
  const { identity, names, backend, store, logger } = options;
  if (process.getuid?.() !== 0) return undefined;
  const startedAt = toInstant(options.now());
  const admin = createLocalAdmin({
    ...options,
    vmm: backend.vmm,
    about: () => {
      const uplink = options.uplinkState();
      return {
        id: identity.id,
        name: identity.name,
        version: VERSION,
        startedAt,
        authority: identity.authority.name,
        plcAddress: identity.plcAddress,
        uplink: { state: uplink.state, reason: uplink.state === 'waiting' ? uplink.reason : null },
        vmm: { detail: backend.vmm.detail, simulated: backend.simulated },
      };
    },
  });
  return openAdminApi({ path: names.adminSocket, admin, store, logger });
}
