import type { NodeFacts, NodeSliver, SliverUsage } from '@planetlab/contract';
import type { HandlerContext } from '@planetlab/contract/server';
import type { Right, SliceCredential } from '@planetlab/credentials';
import type { AuthorityName, NodeName, SliceName } from '@planetlab/model';
import type { Vmm } from '@planetlab/vmm';
import type { CertificateRenewal } from '../identity/renewal.ts';
import type { SiteFile } from '../identity/site-file.ts';
import type { ImageStore } from '../images/image-store.ts';
import type { LeaseService } from '../leases/lease-service.ts';
import type { Rebooter } from '../local/reboot.ts';
import type { SliverDirectory } from '../slivers/directory.ts';
import type { NodeStore } from '../store/store.ts';
import type { Authorise } from './authorise.ts';

/** What the routes need of the node manager. */
export interface ApiContext {
  readonly authorise: Authorise;
  readonly facts: () => Promise<NodeFacts>;
  readonly images: ImageStore;
  readonly leases: LeaseService;
  readonly renewal: CertificateRenewal;
  readonly rebooter: Rebooter;
  readonly store: NodeStore;
  readonly directory: SliverDirectory;
  readonly vmm: Vmm;
  readonly usage: (sliver: NodeSliver) => Promise<SliverUsage>;
  readonly nodeName: NodeName;
  /** The one that the node joined. */
  readonly authority: AuthorityName;
  readonly site: SiteFile;
  /** Who may log in has changed. */
  readonly accessChanged: () => void;
  /** Something about a sliver has changed that is not reported. */
  readonly sliverChanged: (slice: SliceName) => void;
}

/** Who makes the request, if it may. */
export function callerOf({ authorise }: ApiContext, { request }: HandlerContext, right: Right): SliceCredential {
  const proof = request.headers['dpop'];
  return authorise(
    {
      method: request.method,
      path: request.raw.url ?? request.url,
      authorization: request.headers.authorization,
      proof: typeof proof === 'string' ? proof : undefined,
    },
    right,
  );
}
