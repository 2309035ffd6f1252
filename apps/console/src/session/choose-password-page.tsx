import { Button, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { useApi } from '../api/api.ts';
import { Problem } from '../parts/problem.tsx';
import { PathLink } from '../path/path-link.tsx';
import { AloneCard } from './alone-card.tsx';
import { fieldsOf } from './fields.ts';
import type { MailLink } from './mail-link.ts';

const TEXTS = {
  '/confirm': {
    title: 'One more step',
    button: 'Ask for the account',
    done: 'Your mail address is proven. Somebody at your site decides now; you get a mail, and can sign in then.',
  },
  '/invitation': {
    title: 'Welcome to PlanetLab',
    button: 'Accept the invitation',
    done: 'Your account is ready.',
  },
  '/new-password': {
    title: 'Choose a new password',
    button: 'Take this password',
    done: 'The password is changed, and other sessions have ended.',
  },
} as const;

/** Of a mail by which one chooses a password. */
export type PasswordLink = MailLink & { readonly path: keyof typeof TEXTS };

export const isPasswordLink = (link: MailLink): link is PasswordLink => Object.hasOwn(TEXTS, link.path);

/** Where the links of mails lead: whoever opens one chooses a password. */
export function ChoosePasswordPage({ link }: { readonly link: PasswordLink }) {
  const api = useApi();
  const { title, button, done } = TEXTS[link.path];
  const choose = useMutation({
    mutationFn: async ({ password }: { password: string }) => {
      const body = { code: link.code, password };
      if (link.path === '/confirm') await api.confirmSignUp({ body });
      else if (link.path === '/invitation') await api.acceptInvitation({ body });
      else await api.resetPassword({ body });
    },
  });
  return (
    <AloneCard title={title}>
      {choose.isSuccess ? (
        <p role="status">{done}</p>
      ) : (
        <form
          className="pl-form"
          onSubmit={(event) => {
            event.preventDefault();
            choose.mutate(fieldsOf(event.currentTarget, 'password'));
          }}
        >
          <NewPasswordField />
          <Problem error={choose.error} />
          <Button type="submit" loading={choose.isPending}>
            {button}
          </Button>
        </form>
      )}
      <p className="pl-quiet">
        <PathLink to="/sign-in">Go to signing in</PathLink>
      </p>
    </AloneCard>
  );
}

export const NewPasswordField = () => (
  <TextInput
    name="password"
    type="password"
    label="New password"
    description="At least 10 characters; longer is better than odd."
    autoComplete="new-password"
    minLength={10}
    maxLength={200}
    required
  />
);
