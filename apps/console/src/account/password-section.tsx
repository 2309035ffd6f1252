import { Button, TextInput } from '@mantine/core';
import { useRef } from 'react';
import { useApi } from '../api/api.ts';
import { Problem } from '../parts/problem.tsx';
import { useChange } from '../people/use-change.ts';
import { NewPasswordField } from '../session/choose-password-page.tsx';
import { fieldsOf } from '../session/fields.ts';

export function PasswordSection() {
  const api = useApi();
  const form = useRef<HTMLFormElement>(null);
  const change = useChange('account', async ({ current, password }: Record<'current' | 'password', string>) => {
    await api.changePassword({ body: { password, ...(current === '' ? {} : { current }) } });
    form.current?.reset();
  });
  return (
    <section className="pl-panel pl-page-section" aria-label="Password">
      <h2>Password</h2>
      <form
        ref={form}
        className="pl-form"
        onSubmit={(event) => {
          event.preventDefault();
          change.mutate(fieldsOf(event.currentTarget, 'current', 'password'));
        }}
      >
        <TextInput
          name="current"
          type="password"
          label="Current password"
          description="Leave it empty if you have none yet."
          autoComplete="current-password"
        />
        <NewPasswordField />
        <Problem error={change.error} />
        {change.isSuccess && <p role="status">The password is changed, and your other sessions have ended.</p>}
        <Button type="submit" loading={change.isPending}>
          Change the password
        </Button>
      </form>
    </section>
  );
}
