import { type LeaseRequest, leaseAnswer, nodeRoutes } from '@planetlab/contract';
import { type App, digestOfLeases, serve } from '@planetlab/contract/server';
import { fromInstant } from '@planetlab/model';
import { toLeaseRecord } from '../leases/lease-record.ts';
import { grantedTo } from '../leases/lease-service.ts';
import { covers, requireSlice } from './authorise.ts';
import { type ApiContext, callerOf } from './context.ts';

/** Leases: resources bound to slivers (N8). */
export function serveLeases(app: App, context: ApiContext): void {
  serve(app, nodeRoutes.requestLease, async ({ body }, call) => {
    const credential = callerOf(context, call, 'lease');
    requireSlice(credential, body.slice);
    return toLeaseRecord(context.leases.request(body, credential));
  });

  serve(app, nodeRoutes.requestLeases, async ({ body }, call) => {
    const credential = callerOf(context, call, 'lease');
    const outcomes = context.leases.requestAll(
      body.items.filter(({ slice }) => covers(credential, slice)),
      credential,
    );
    const grant = ({ slice }: LeaseRequest) => {
      requireSlice(credential, slice);
      return toLeaseRecord(grantedTo(slice, outcomes));
    };
    return { items: body.items.map((request) => leaseAnswer(() => grant(request))) };
  });

  serve(app, nodeRoutes.listLeases, async ({ query }, call) => {
    const credential = callerOf(context, call, 'read');
    const leases = context.store.liveLeases().filter(({ lease }) => covers(credential, lease.slice));
    const items = leases.map(toLeaseRecord);
    const isKnown = () => digestOfLeases(items.filter(({ holder }) => holder === credential.holder)) === query.known;
    return query.known !== undefined && isKnown() ? { items: [], known: true as const } : { items };
  });

  serve(app, nodeRoutes.renewLease, async ({ params, body }, call) => {
    const credential = callerOf(context, call, 'lease');
    return toLeaseRecord(context.leases.renew(params.lease, fromInstant(body.expiresAt), credential));
  });

  serve(app, nodeRoutes.changeLease, async ({ params, body }, call) => {
    const credential = callerOf(context, call, 'lease');
    return toLeaseRecord(context.leases.change(params.lease, body, credential));
  });

  serve(app, nodeRoutes.endLease, async ({ params }, call) => {
    context.leases.end(params.lease, callerOf(context, call, 'lease'));
  });
}
