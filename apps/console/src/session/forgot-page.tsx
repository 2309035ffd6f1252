import { Button, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useApi } from '../api/api.ts';
import { Problem } from '../parts/problem.tsx';
import { PathLink } from '../path/path-link.tsx';
import { AloneCard } from './alone-card.tsx';
import { fieldsOf } from './fields.ts';

/** Asks for a link by mail. The answer is the same whoever asks. */
export function ForgotPage() {
  const api = useApi();
  const ask = useMutation({ mutationFn: (body: { email: string }) => api.requestPasswordReset({ body }) });
  return (
    <AloneCard title="Choose a new password">
      {ask.isSuccess ? (
        <p role="status">A mail is on its way to {ask.variables.email}. The link in it works for an hour.</p>
      ) : (
        <form
          className="pl-form"
          onSubmit={(event) => {
            event.preventDefault();
            ask.mutate(fieldsOf(event.currentTarget, 'email'));
          }}
        >
          <TextInput name="email" type="email" label="Mail address" autoComplete="username" required autoFocus />
          <Problem error={ask.error} />
          <Button type="submit" loading={ask.isPending}>
            Send me a link
          </Button>
        </form>
      )}
      <p className="pl-quiet">
        <PathLink to="/sign-in">Back to signing in</PathLink>
      </p>
    </AloneCard>
  );
}
