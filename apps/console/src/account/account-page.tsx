import type { Person } from '@planetlab/contract';
import { rolesText } from '../people/standing.ts';
import { AddressSection } from './address-section.tsx';
import { PasswordSection } from './password-section.tsx';
import { KeysSection, PasskeysSection, SessionsSection, TokensSection } from './sections.tsx';

/** One's own ways in: password, passkeys, SSH keys, tokens, and where one is signed in. */
export const AccountPage = ({ person, nowMs }: { readonly person: Person; readonly nowMs: number }) => (
  <>
    <section className="pl-panel pl-page-section" aria-label="Account">
      <h2>{person.name}</h2>
      <p>
        {person.email}, {rolesText(person)}
      </p>
    </section>
    <div className="pl-page-grid">
      <PasswordSection />
      <AddressSection />
      <PasskeysSection nowMs={nowMs} />
      <KeysSection person={person} />
      <TokensSection nowMs={nowMs} />
      <SessionsSection nowMs={nowMs} />
    </div>
  </>
);
