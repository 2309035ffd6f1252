import { Button } from '@mantine/core';
import type { RoleRequest } from '@planetlab/contract';
import { useQuery } from '@tanstack/react-query';
import { useApi } from '../api/api.ts';
import { requestsQuery } from '../api/queries.ts';
import { ago } from '../parts/ago.ts';
import { Problem } from '../parts/problem.tsx';
import { roleText } from './standing.ts';
import { useChange } from './use-change.ts';

/** What waits for a decision. */
export function RequestsSection({ nowMs }: { readonly nowMs: number }) {
  const api = useApi();
  const requests = useQuery(requestsQuery(api));
  const decide = useChange('persons', ({ request, approve }: { request: RoleRequest; approve: boolean }) => {
    const { person, site, role } = request;
    const params = { person, site, role };
    return approve ? api.approveRoleRequest({ params }) : api.rejectRoleRequest({ params });
  });
  const items = requests.data?.items ?? [];
  return (
    <section className="pl-panel pl-page-section" aria-label="Requests">
      <h2>Waiting for a decision</h2>
      <Problem error={requests.error ?? decide.error} />
      {items.length === 0 && <p className="pl-quiet">Nobody waits.</p>}
      <ul className="pl-rows">
        {items.map((request) => (
          <li key={`${request.person} ${request.site} ${request.role}`}>
            <span className="pl-row-text">
              <strong>{request.name}</strong> {request.person} wants to be {roleText(request)}{' '}
              <span className="pl-quiet">{ago(request.requestedAt, nowMs)}</span>
            </span>
            {request.mayDecide && (
              <Button
                size="compact-sm"
                disabled={decide.isPending}
                aria-label={`Approve ${request.person}`}
                onClick={() => decide.mutate({ request, approve: true })}
              >
                Approve
              </Button>
            )}
            <Button
              size="compact-sm"
              variant="default"
              disabled={decide.isPending}
              aria-label={request.mayDecide ? `Refuse ${request.person}` : 'Withdraw the request'}
              onClick={() => decide.mutate({ request, approve: false })}
            >
              {request.mayDecide ? 'Refuse' : 'Withdraw'}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
