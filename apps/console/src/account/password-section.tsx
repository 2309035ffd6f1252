import { Button, TextInput } from '@mantine/core';
import { useApi } from '../api/api.ts';
import { Problem } from '../parts/problem.tsx';
import { useChange } from '../people/use-change.ts';
import { NewPasswordField } from '../session/choose-password-page.tsx';
import { fieldsOf } from '../session/fields.ts';

export function PasswordSection() {
  const api = useApi();
  const change = useChange('account', ({ current, password }: Record<'current' | 'password', string>) =>
    api.changePassword({ body: { password, ...(current === '' ? {} : { current }) } }),
  );
  return (
    <section className="pl-panel pl-page-section" aria-label="Password">
      <h2>Password</h2>
      <form
        className="pl-form"
        onSubmit={(event) => {
          event.preventDefault();
          const form = event.currentTarget;
          change.mutate(fieldsOf(form, 'current', 'password'), { onSuccess: () => form.reset() });
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
