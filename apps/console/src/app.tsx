import './styles.ts';
import { MantineProvider } from '@mantine/core';
import { QueryCache, QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiContext, type PlcApi } from './api/api.ts';
import { Page } from './page/page.tsx';
import { isSignedOut, SIGNED_OUT } from './session/open-session.ts';
import { SessionGate } from './session/session-gate.tsx';
import { theme } from './theme.ts';

interface AppProps {
  readonly api: PlcApi;
  /** The one-time code of a sign-in link, when the page was opened by one. */
  readonly code: string | undefined;
}

export function App({ api, code }: AppProps) {
  const [queries] = useState(createQueryClient);
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <ApiContext value={api}>
          <SessionGate code={code}>{(person) => <Page person={person} />}</SessionGate>
        </ApiContext>
      </QueryClientProvider>
    </MantineProvider>
  );
}

/** Whatever answers "nobody is signed in" leads to the sign-in page. */
function createQueryClient(): QueryClient {
  const queries: QueryClient = new QueryClient({
    queryCache: new QueryCache({
      onError: (error) => {
        if (isSignedOut(error)) queries.setQueryData(['session'], SIGNED_OUT);
      },
    }),
    defaultOptions: {
      queries: { retry: (failures, error) => failures < 1 && !isSignedOut(error), retryDelay: 500, staleTime: 5000 },
    },
  });
  return queries;
}
