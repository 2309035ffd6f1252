import { Button, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useApi } from '../api/api.ts';
import { Problem } from '../parts/problem.tsx';
import { fieldsOf } from '../session/fields.ts';

export function AddressSection() {
  const api = useApi();
  const ask = useMutation({
    mutationFn: ({ email, shown }: Record<'email' | 'shown', string>) =>
      api.askForAddress({ body: { email, ...(shown === '' ? {} : { password: shown }) } }),
  });
  return (
    <section className="pl-panel pl-page-section" aria-label="Mail address">
      <h2>Mail address</h2>
      <form
        className="pl-form"
        onSubmit={(event) => {
          event.preventDefault();
          const form = event.currentTarget;
          ask.mutate(fieldsOf(form, 'email', 'shown'), { onSuccess: () => form.reset() });
        }}
      >
        <TextInput name="email" type="email" label="New mail address" autoComplete="off" required />
        <TextInput
          name="shown"
          type="password"
          label="Your password"
          description="Leave it empty if you have none, and have just signed in by passkey or institution."
          autoComplete="current-password"
        />
        <Problem error={ask.error} />
        {ask.isSuccess && (
          <p role="status">
            A link was mailed to the new address. Open it in this browser; until then nothing changes.
          </p>
        )}
        <Button type="submit" loading={ask.isPending}>
          Change the mail address
        </Button>
      </form>
    </section>
  );
}
