import { ActionIcon, Button, useComputedColorScheme, useMantineColorScheme } from '@mantine/core';
import { useColorScheme } from '@mantine/hooks';
import type { Person } from '@planetlab/contract';
import type { ReactNode } from 'react';
import { Brand } from '../parts/brand.tsx';
import { Icon } from '../parts/icon.tsx';
import { PathLink } from '../path/path-link.tsx';

interface HeaderProps {
  readonly authority: string | undefined;
  readonly person: Person;
  readonly live: ReactNode;
  readonly onSignOut: () => void;
}

export const Header = ({ authority, person, live, onSignOut }: HeaderProps) => (
  <header className="pl-header">
    <h1>
      <Brand authority={authority} />
    </h1>
    {live}
    <nav className="pl-nav" aria-label="Pages">
      <PathLink to="/">Planet</PathLink>
      <PathLink to="/people">People</PathLink>
      <PathLink to="/events">Events</PathLink>
      <PathLink to="/account">Account</PathLink>
    </nav>
    <span className="pl-header-person" title={person.email}>
      {person.name}
    </span>
    <Button variant="default" size="compact-sm" onClick={onSignOut}>
      Sign out
    </Button>
    <SchemeToggle />
  </header>
);

/** Follows the system until told otherwise; told what the system says anyway, it follows it again. */
function SchemeToggle() {
  const { setColorScheme } = useMantineColorScheme();
  const shown = useComputedColorScheme('light');
  const system = useColorScheme('light', { getInitialValueInEffect: false });
  const other = shown === 'dark' ? 'light' : 'dark';
  return (
    <ActionIcon
      variant="default"
      size={28}
      onClick={() => setColorScheme(other === system ? 'auto' : other)}
      aria-label={`Switch to ${other} colours`}
    >
      <Icon name={other === 'dark' ? 'moon' : 'sun'} />
    </ActionIcon>
  );
}
