import { Button, NativeSelect, TextInput } from '@mantine/core';
import { useMutation, useQuery } from '@tanstack/react-query';
import { useApi } from '../api/api.ts';
import { signUpSitesQuery } from '../api/queries.ts';
import { Problem } from '../parts/problem.tsx';
import { PathLink } from '../path/path-link.tsx';
import { AloneCard } from './alone-card.tsx';
import { fieldsOf } from './fields.ts';

const ROLES = [
  { value: 'user', label: 'use slices (user)' },
  { value: 'tech', label: 'look after nodes (tech)' },
  { value: 'pi', label: 'answer for the site (principal investigator)' },
];

/** First step: who one is. The mail address is proven by a link, then a PI of the site decides. */
export function SignUpPage() {
  const api = useApi();
  const sites = useQuery(signUpSitesQuery(api));
  const signUp = useMutation({
    mutationFn: ({ role, ...fields }: Record<'email' | 'name' | 'site' | 'role', string>) =>
      api.signUp({ body: { ...fields, role: role === 'pi' || role === 'tech' ? role : 'user' } }),
  });
  if (signUp.isSuccess) {
    return (
      <AloneCard title="Look into your mail">
        <p role="status">
          A mail is on its way to {signUp.variables.email}. Open the link in it to choose a password; then somebody at
          your site decides.
        </p>
      </AloneCard>
    );
  }
  return (
    <AloneCard title="Sign up">
      <form
        className="pl-form"
        onSubmit={(event) => {
          event.preventDefault();
          signUp.mutate(fieldsOf(event.currentTarget, 'email', 'name', 'site', 'role'));
        }}
      >
        <TextInput name="name" label="Full name" autoComplete="name" required autoFocus />
        <TextInput name="email" type="email" label="Mail address at your institution" autoComplete="email" required />
        <NativeSelect
          name="site"
          label="Site"
          required
          data={(sites.data?.items ?? []).map(({ name, title }) => ({ value: name, label: `${title} (${name})` }))}
        />
        <NativeSelect name="role" label="I want to" data={ROLES} />
        <Problem error={signUp.error ?? sites.error} />
        <Button type="submit" loading={signUp.isPending}>
          Sign up
        </Button>
      </form>
      <p className="pl-quiet">
        Is your site not here? Write to the people who run this authority.{' '}
        <PathLink to="/sign-in">Back to signing in</PathLink>
      </p>
    </AloneCard>
  );
}
