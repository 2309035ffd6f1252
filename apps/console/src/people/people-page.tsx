import type { Person } from '@planetlab/contract';
import { useQuery } from '@tanstack/react-query';
import { useRef, useState } from 'react';
import { useApi } from '../api/api.ts';
import { personsQuery, signUpSitesQuery } from '../api/queries.ts';
import { useEscape } from '../page/use-escape.ts';
import { Problem } from '../parts/problem.tsx';
import { FilterBox } from '../table/filter-box.tsx';
import { InvitationsSection } from './invitations-section.tsx';
import { OutboxSection } from './outbox-section.tsx';
import { PeopleTable } from './people-table.tsx';
import { PersonCard } from './person-card.tsx';
import { RequestsSection } from './requests-section.tsx';
import { givableRoles, isAdmin } from './standing.ts';

/** Who is here, who wants to be, and who is invited. */
export function PeoplePage({ person: actor, nowMs }: { readonly person: Person; readonly nowMs: number }) {
  const api = useApi();
  const persons = useQuery(personsQuery(api));
  const sites = useQuery(signUpSitesQuery(api));
  const [selected, setSelected] = useState<string | null>(null);
  const [filter, setFilter] = useState('');
  const filterRef = useRef<HTMLInputElement>(null);
  useEscape(() => setSelected(null));
  const roles = givableRoles(
    actor,
    (sites.data?.items ?? []).map(({ name }) => name),
  );
  const found = persons.data?.items.find(({ email }) => email === selected);
  const close = () => setSelected(null);
  return (
    <>
      <div className="pl-page-grid">
        <RequestsSection nowMs={nowMs} />
        {roles.length > 0 && <InvitationsSection roles={roles} />}
        {found !== undefined && (
          <section className="pl-panel pl-page-section" aria-label="Person">
            <PersonCard key={found.email} actor={actor} person={found} roles={roles} onClose={close} />
          </section>
        )}
      </div>
      <section className="pl-panel pl-tables" aria-label="People">
        <div className="pl-tabs-line">
          <h2 className="pl-section-title">People</h2>
          <FilterBox value={filter} onChange={setFilter} inputRef={filterRef} />
        </div>
        <Problem error={persons.error} />
        <PeopleTable
          persons={persons.data?.items ?? []}
          filter={filter}
          selected={selected}
          onSelect={(email) => setSelected(email === selected ? null : email)}
        />
      </section>
      {isAdmin(actor) && <OutboxSection nowMs={nowMs} />}
    </>
  );
}
