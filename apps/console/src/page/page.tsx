import type { Person } from '@planetlab/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useApi } from '../api/api.ts';
import { authorityQuery } from '../api/queries.ts';
import { LiveIndicator } from '../live/live-indicator.tsx';
import { useLive } from '../live/use-live.ts';
import { ErrorNotice } from '../parts/error-notice.tsx';
import { useNow } from '../parts/use-now.ts';
import { Waiting } from '../parts/waiting.tsx';
import { SIGNED_OUT } from '../session/open-session.ts';
import { Header } from './header.tsx';
import { Overview } from './overview.tsx';
import { usePlanet } from './use-planet.ts';

const TICK_MS = 5000;

/** The one live page: who, how fresh, and the planet. */
export function Page({ person }: { readonly person: Person }) {
  const api = useApi();
  const queries = useQueryClient();
  const nowMs = useNow(TICK_MS);
  const live = useLive();
  const authority = useQuery({ ...authorityQuery(api), staleTime: Number.POSITIVE_INFINITY });
  const { planet, error, updatedAtMs, retry } = usePlanet(live.pollMs);
  const signOut = useMutation({
    mutationFn: () => api.endSession({}),
    onSuccess: () => {
      queries.setQueryData(['session'], SIGNED_OUT);
      // Nothing of this person stays for the next one.
      queries.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== 'session' });
    },
  });
  const asOf = updatedAtMs > 0 ? `What is shown is as it was at ${new Date(updatedAtMs).toLocaleTimeString()}.` : '';
  return (
    <>
      <Header
        authority={authority.data?.name}
        person={person}
        live={<LiveIndicator status={live.status} updatedAtMs={updatedAtMs} nowMs={nowMs} />}
        onSignOut={() => signOut.mutate()}
      />
      <main className="pl-main">
        {signOut.error !== null && (
          <ErrorNotice error={signOut.error} consequence="You are still signed in." onRetry={() => signOut.mutate()} />
        )}
        {error !== null && <ErrorNotice error={error} consequence={asOf} onRetry={retry} />}
        {planet !== undefined && <Overview planet={planet} nowMs={nowMs} />}
        {planet === undefined && error === null && <Waiting>Reading the state of the planet…</Waiting>}
      </main>
    </>
  );
}
