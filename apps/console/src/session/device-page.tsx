import { Button, TextInput } from '@mantine/core';
import type { DeviceSignIn, TokenScope } from '@planetlab/contract';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { useApi } from '../api/api.ts';
import { Problem } from '../parts/problem.tsx';
import { Waiting } from '../parts/waiting.tsx';
import { AloneCard } from './alone-card.tsx';
import { fieldsOf } from './fields.ts';
import { forgetWayBack } from './way-back.ts';

export const DEVICE_PATH = '/device';

/** Where a person decides about a program that wants to act as them, such as `pl login`. */
export function DevicePage({ code: given }: { readonly code: string | undefined }) {
  const [code, setCode] = useState(given);
  useEffect(forgetWayBack, []);
  return (
    <AloneCard title="Sign in a program">
      {code === undefined ? (
        <form
          className="pl-form"
          onSubmit={(event) => {
            event.preventDefault();
            setCode(fieldsOf(event.currentTarget, 'code').code);
          }}
        >
          <TextInput name="code" label="The code that the program shows" autoComplete="off" required maxLength={20} />
          <Button type="submit">Go on</Button>
        </form>
      ) : (
        <Decision key={code} code={code} onOther={() => setCode(undefined)} />
      )}
      <p className="pl-quiet">
        <a className="pl-link" href="/">
          Go to the overview
        </a>
      </p>
    </AloneCard>
  );
}

function Decision({ code, onOther }: { readonly code: string; readonly onOther: () => void }) {
  const api = useApi();
  const params = { code };
  const asked = useQuery({
    queryKey: ['device', code],
    queryFn: () => api.getDeviceSignIn({ params }),
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  });
  const decide = useMutation({ mutationFn: (allow: boolean) => api.decideDeviceSignIn({ params, body: { allow } }) });
  if (decide.isSuccess) {
    return (
      <p role="status">
        {decide.variables ? 'It is signed in. You can close this page.' : 'It is refused, and was given nothing.'}
      </p>
    );
  }
  if (asked.data === undefined && asked.error === null) return <Waiting>Looking for it…</Waiting>;
  return (
    <>
      {asked.data !== undefined && <Asked asked={asked.data} />}
      <Problem error={asked.error ?? decide.error} />
      <div className="pl-form-line">
        {asked.data !== undefined && (
          <>
            <Button loading={decide.isPending} onClick={() => decide.mutate(true)}>
              Let it act as me
            </Button>
            <Button variant="default" onClick={() => decide.mutate(false)}>
              Refuse
            </Button>
          </>
        )}
        {asked.error !== null && (
          <Button variant="default" onClick={onOther}>
            Another code
          </Button>
        )}
      </div>
    </>
  );
}

const MAY: Readonly<Record<TokenScope, string>> = {
  read: 'read what you may see',
  slices: 'change slices and run programs in them',
  nodes: 'change nodes',
  all: 'do all that you may',
};

const Asked = ({ asked }: { readonly asked: DeviceSignIn }) => (
  <>
    <p>
      <strong>{asked.label}</strong> wants to {asked.scopes.map((scope) => MAY[scope]).join(', and to ')}, until{' '}
      {new Date(asked.tokenExpiresAt).toLocaleDateString()}.
    </p>
    <p>
      Its code is <strong>{asked.userCode}</strong>, and it asks from {asked.address}. Go on only if you have just
      started it yourself and it shows the same code.
    </p>
  </>
);
