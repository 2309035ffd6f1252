import { Button } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useEffect } from 'react';
import { useApi } from '../api/api.ts';
import { Problem } from '../parts/problem.tsx';
import { PathLink } from '../path/path-link.tsx';
import { AloneCard } from './alone-card.tsx';
import { forgetWayBack } from './way-back.ts';

interface CodeProps {
  readonly code: string;
}

/** Where the link leads that was mailed to a new address: only for who is signed in. */
export function NewAddressPage({ code }: CodeProps) {
  const api = useApi();
  useEffect(forgetWayBack, []);
  const confirm = useMutation({ mutationFn: () => api.confirmAddress({ body: { code } }) });
  return (
    <AloneCard title="Your new mail address">
      {confirm.data === undefined ? (
        <Button loading={confirm.isPending} onClick={() => confirm.mutate()}>
          Take this address
        </Button>
      ) : (
        <p role="status">Your mail address is {confirm.data.email} now. Sign in with it from now on.</p>
      )}
      <Problem error={confirm.error} />
      <p className="pl-quiet">
        <a className="pl-link" href="/account">
          Go to your account
        </a>
      </p>
    </AloneCard>
  );
}

/** Where the link leads that was mailed to the address before. */
export function KeepAddressPage({ code }: CodeProps) {
  const api = useApi();
  const keep = useMutation({ mutationFn: () => api.objectToAddress({ body: { code } }) });
  return (
    <AloneCard title="Keep your mail address">
      {keep.isSuccess ? (
        <p role="status">
          Your account keeps its mail address. Sessions, API tokens and the password have ended: choose a new password.
        </p>
      ) : (
        <>
          <p>Somebody wants your account to have another mail address. Was it not you?</p>
          <Button loading={keep.isPending} onClick={() => keep.mutate()}>
            It was not me: keep the address
          </Button>
        </>
      )}
      <Problem error={keep.error} />
      <p className="pl-quiet">
        <PathLink to="/forgot">Choose a new password</PathLink>
      </p>
    </AloneCard>
  );
}
