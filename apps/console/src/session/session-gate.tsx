import type { Person } from '@planetlab/contract';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useRef } from 'react';
import { useApi } from '../api/api.ts';
import { ErrorNotice } from '../parts/error-notice.tsx';
import { Waiting } from '../parts/waiting.tsx';
import { openSession } from './open-session.ts';
import { SignedOutPage } from './signed-out-page.tsx';

interface SessionGateProps {
  readonly code: string | undefined;
  readonly children: (person: Person) => ReactNode;
}

/** Shows the page to whoever is signed in, and to everybody else how to get in. */
export function SessionGate({ code, children }: SessionGateProps) {
  const api = useApi();
  const unusedCode = useRef(code); // a code works once: later readings only ask who is signed in
  const session = useQuery({
    queryKey: ['session'],
    queryFn: async () => {
      const opened = await openSession(api, unusedCode.current);
      unusedCode.current = undefined;
      return opened;
    },
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (session.data !== undefined && session.data.person !== null) return children(session.data.person);
  if (session.data !== undefined) return <SignedOutPage problem={session.data.problem} />;
  if (session.error === null) return <Waiting>Signing in…</Waiting>;
  return (
    <main className="pl-alone">
      <ErrorNotice error={session.error} onRetry={() => void session.refetch()} />
    </main>
  );
}
