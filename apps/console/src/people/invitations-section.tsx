import { Button, NativeSelect, TextInput } from '@mantine/core';
import type { RoleAt } from '@planetlab/contract';
import { useQuery } from '@tanstack/react-query';
import { useApi } from '../api/api.ts';
import { invitationsQuery } from '../api/queries.ts';
import { Problem } from '../parts/problem.tsx';
import { fieldsOf } from '../session/fields.ts';
import { roleKey, roleText } from './standing.ts';
import { useChange } from './use-change.ts';

/** Somebody is invited by mail, and has the role as soon as they accept. */
export function InvitationsSection({ roles }: { readonly roles: readonly RoleAt[] }) {
  const api = useApi();
  const invitations = useQuery(invitationsQuery(api));
  const invite = useChange('persons', (fields: Record<'email' | 'name' | 'role', string>) => {
    const { email, name } = fields;
    return api.invitePerson({ body: { email, name, roles: roles.filter((role) => roleKey(role) === fields.role) } });
  });
  const withdraw = useChange('persons', (invitation: string) => api.withdrawInvitation({ params: { invitation } }));
  return (
    <section className="pl-panel pl-page-section" aria-label="Invitations">
      <h2>Invite somebody</h2>
      <form
        className="pl-form"
        onSubmit={(event) => {
          event.preventDefault();
          const form = event.currentTarget;
          invite.mutate(fieldsOf(form, 'email', 'name', 'role'), { onSuccess: () => form.reset() });
        }}
      >
        <TextInput name="name" label="Full name" required />
        <TextInput name="email" type="email" label="Mail address" required />
        <NativeSelect
          name="role"
          label="Role"
          data={roles.map((role) => ({ value: roleKey(role), label: roleText(role) }))}
        />
        <Problem error={invite.error ?? withdraw.error} />
        <Button type="submit" loading={invite.isPending}>
          Send the invitation
        </Button>
      </form>
      <ul className="pl-rows">
        {(invitations.data?.items ?? []).map(({ id, email, roles: given, invitedBy }) => (
          <li key={id}>
            <span className="pl-row-text">
              <strong>{email}</strong> to be {given.map(roleText).join(', ')}{' '}
              <span className="pl-quiet">invited by {invitedBy}</span>
            </span>
            <Button
              size="compact-sm"
              variant="default"
              aria-label={`Withdraw the invitation of ${email}`}
              onClick={() => withdraw.mutate(id)}
            >
              Withdraw
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}
