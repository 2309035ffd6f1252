import { Button, TextInput } from '@mantine/core';
import type { SignInMethods } from '@planetlab/contract';
import { PlanetLabError } from '@planetlab/model';
import { startAuthentication } from '@simplewebauthn/browser';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useApi } from '../api/api.ts';
import { signInMethodsQuery } from '../api/queries.ts';
import { Problem } from '../parts/problem.tsx';
import { PathLink } from '../path/path-link.tsx';
import { AloneCard } from './alone-card.tsx';
import { fieldsOf } from './fields.ts';
import { useSignIn } from './use-sign-in.ts';

/** By password, by passkey, by an institution's account; or by a link of the command line. */
export function SignInPage({ problem }: { readonly problem: string | null }) {
  const api = useApi();
  const methods = useQuery(signInMethodsQuery(api));
  const byPassword = useSignIn((body: { email: string; password: string }) => api.signInByPassword({ body }));
  return (
    <AloneCard title="Sign in">
      {problem !== null && <Problem error={problem} />}
      <form
        className="pl-form"
        onSubmit={(event) => {
          event.preventDefault();
          byPassword.mutate(fieldsOf(event.currentTarget, 'email', 'password'));
        }}
      >
        <TextInput name="email" type="email" label="Mail address" autoComplete="username webauthn" required autoFocus />
        <TextInput name="password" type="password" label="Password" autoComplete="current-password" required />
        <Problem error={byPassword.error} />
        <Button type="submit" loading={byPassword.isPending}>
          Sign in
        </Button>
      </form>
      {methods.data !== undefined && <OtherWays methods={methods.data} />}
      <p className="pl-quiet">
        <PathLink to="/forgot">Forgot your password?</PathLink>
        {methods.data?.signUp === true && (
          <>
            {' · '}
            <PathLink to="/sign-up">Sign up</PathLink>
          </>
        )}
      </p>
      <p className="pl-quiet">
        Signed in on the command line? <code>pl console</code> prints a link that opens this page as you.
      </p>
    </AloneCard>
  );
}

function OtherWays({ methods }: { readonly methods: SignInMethods }) {
  const api = useApi();
  const byPasskey = useSignIn(async () => {
    const challenge = await api.startPasskeySignIn({});
    return api.signInByPasskey({ body: { credential: await answerOf(challenge) } });
  });
  const byOidc = useMutation({
    mutationFn: () => api.startOidcSignIn({}),
    onSuccess: ({ url }) => window.location.assign(url),
  });
  return (
    <div className="pl-form">
      {methods.passkeys && (
        <Button variant="default" loading={byPasskey.isPending} onClick={() => byPasskey.mutate(undefined)}>
          Sign in with a passkey
        </Button>
      )}
      {methods.oidc !== null && (
        <Button variant="default" loading={byOidc.isPending} onClick={() => byOidc.mutate()}>
          Sign in with {methods.oidc.label}
        </Button>
      )}
      <Problem error={byPasskey.error ?? byOidc.error} />
    </div>
  );
}

type Challenge = Awaited<ReturnType<ReturnType<typeof useApi>['startPasskeySignIn']>>;

/** The browser asks for a finger or a PIN. */
async function answerOf({ challenge, rpId, timeout, userVerification }: Challenge) {
  try {
    const optionsJSON = {
      challenge,
      ...(rpId === undefined ? {} : { rpId }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(userVerification === undefined ? {} : { userVerification }),
    };
    const { id, rawId, type, response } = await startAuthentication({ optionsJSON });
    return { id, rawId, type, response };
  } catch (cause) {
    throw new PlanetLabError(
      'canceled',
      'The browser gave no passkey: there is none for this site, or you stopped it.',
      {
        cause,
      },
    );
  }
}
