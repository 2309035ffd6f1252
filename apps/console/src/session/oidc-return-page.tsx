import { useEffect, useRef } from 'react';
import { useApi } from '../api/api.ts';
import { Problem } from '../parts/problem.tsx';
import { Waiting } from '../parts/waiting.tsx';
import { PathLink } from '../path/path-link.tsx';
import { AloneCard } from './alone-card.tsx';
import { useSignIn } from './use-sign-in.ts';

export const OIDC_RETURN_PATH = '/sign-in/oidc';

/** The institution has sent the browser back: what it brought is taken out of the address and given to the PLC, once. */
export function OidcReturnPage() {
  const api = useApi();
  const signIn = useSignIn((query: string) => api.signInByOidc({ body: { query } }));
  const begun = useRef(false);
  useEffect(() => {
    if (begun.current) return;
    begun.current = true;
    const query = window.location.search;
    window.history.replaceState(null, '', OIDC_RETURN_PATH);
    signIn.mutate(query);
  }, [signIn.mutate]);
  if (signIn.error === null) return <Waiting>Signing in…</Waiting>;
  return (
    <AloneCard title="Sign in">
      <Problem error={signIn.error} />
      <p className="pl-quiet">
        <PathLink to="/sign-in">Back to signing in</PathLink>
      </p>
    </AloneCard>
  );
}
