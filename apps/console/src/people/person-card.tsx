import { Button, NativeSelect } from '@mantine/core';
import type { Person, RoleAt } from '@planetlab/contract';
import { useApi } from '../api/api.ts';
import { DetailsCard } from '../parts/details-card.tsx';
import { Problem } from '../parts/problem.tsx';
import { fieldsOf } from '../session/fields.ts';
import { mayGive, mayManage, roleKey, roleText } from './standing.ts';
import { useChange } from './use-change.ts';

interface PersonCardProps {
  /** Who is signed in. */
  readonly actor: Person;
  readonly person: Person;
  /** What the actor may give. */
  readonly roles: readonly RoleAt[];
  readonly onClose: () => void;
}

/** One person: their roles, given and taken here, and whether they are enabled. */
export function PersonCard({ actor, person, roles, onClose }: PersonCardProps) {
  const api = useApi();
  const input = ({ role, site }: RoleAt) => ({
    params: { person: person.email, role },
    query: { site: site ?? undefined },
  });
  const take = useChange('persons', (role: RoleAt) => api.takeRole(input(role)));
  const give = useChange('persons', (role: RoleAt) => api.giveRole(input(role)));
  const enable = useChange('persons', (enabled: boolean) =>
    api.changeEnabled({ params: { person: person.email }, body: { enabled } }),
  );
  const held = new Set(person.roles.map(roleKey));
  const offered = roles.filter((role) => !held.has(roleKey(role)));
  return (
    <DetailsCard kind={person.enabled ? 'Person' : 'Disabled person'} name={person.name} onClose={onClose}>
      <p>{person.email}</p>
      <ul className="pl-rows">
        {person.roles.length === 0 && <li className="pl-quiet">No role.</li>}
        {person.roles.map((role) => (
          <li key={roleKey(role)}>
            <span className="pl-row-text">{roleText(role)}</span>
            {(mayGive(actor, role) || actor.email === person.email) && (
              <Button
                size="compact-sm"
                variant="default"
                aria-label={`Take ${roleText(role)} from ${person.email}`}
                onClick={() => take.mutate(role)}
              >
                Take
              </Button>
            )}
          </li>
        ))}
      </ul>
      {offered.length > 0 && (
        <form
          className="pl-form-line"
          onSubmit={(event) => {
            event.preventDefault();
            const { role } = fieldsOf(event.currentTarget, 'role');
            const chosen = offered.find((one) => roleKey(one) === role);
            if (chosen !== undefined) give.mutate(chosen);
          }}
        >
          <NativeSelect
            name="role"
            label="Another role"
            data={offered.map((role) => ({ value: roleKey(role), label: roleText(role) }))}
          />
          <Button type="submit" variant="default" loading={give.isPending}>
            Give
          </Button>
        </form>
      )}
      <Problem error={take.error ?? give.error ?? enable.error} />
      {mayManage(actor, person) && actor.email !== person.email && (
        <div>
          <Button variant="default" loading={enable.isPending} onClick={() => enable.mutate(!person.enabled)}>
            {person.enabled ? 'Disable' : 'Enable'} {person.name}
          </Button>
        </div>
      )}
    </DetailsCard>
  );
}
