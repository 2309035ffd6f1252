import type { Person } from '@planetlab/contract';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { useApi } from '../api/api.ts';
import { authorityQuery } from '../api/queries.ts';
import { LiveIndicator } from '../live/live-indicator.tsx';
import { useLive } from '../live/use-live.ts';
import { ErrorNotice } from '../parts/error-notice.tsx';
import { useNow } from '../parts/use-now.ts';
import { Waiting } from '../parts/waiting.tsx';
import { usePath } from '../path/use-path.ts';
import { SIGNED_OUT } from '../session/open-session.ts';
import { Announcements } from './announcements.tsx';
import { Header } from './header.tsx';
import { Overview } from './overview.tsx';
import { usePlanet } from './use-planet.ts';

const TICK_MS = 5000;

// Loaded when they are looked at: the planet is what most come for.
const PeoplePage = lazy(async () => ({ default: (await import('../people/people-page.tsx')).PeoplePage }));
const EventsPage = lazy(async () => ({ default: (await import('../events/events-page.tsx')).EventsPage }));
const AccountPage = lazy(async () => ({ default: (await import('../account/account-page.tsx')).AccountPage }));

/** Live: who, how fresh, and the planet, the people, the events or one’s own account. */
export function Page({ person }: { readonly person: Person }) {
  const api = useApi();
  const queries = useQueryClient();
  const nowMs = useNow(TICK_MS);
  const live = useLive();
  const path = usePath();
  const isPlanet = path !== '/people' && path !== '/events' && path !== '/account';
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
        <Announcements nowMs={nowMs} pollMs={live.pollMs} />
        <Suspense fallback={<Waiting>Loading the page…</Waiting>}>
          {path === '/people' && <PeoplePage person={person} nowMs={nowMs} />}
          {path === '/events' && <EventsPage nowMs={nowMs} />}
          {path === '/account' && <AccountPage person={person} nowMs={nowMs} />}
        </Suspense>
        {isPlanet && planet !== undefined && <Overview person={person} planet={planet} nowMs={nowMs} />}
        {isPlanet && planet === undefined && error === null && <Waiting>Reading the state of the planet…</Waiting>}
      </main>
    </>
  );
}
